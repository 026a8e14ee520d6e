"""What a sync did, plugin by plugin."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Action = Literal["written", "unchanged", "kept", "marked", "removed", "left out", "foreign"]


@dataclass(frozen=True)
class Entry:
    """Say what became of one plugin, or of one file that is in the way.

    Attributes:
        plugin: its name; empty for a file of somebody else.
        action: ``written`` or ``unchanged``; ``kept`` (it does not work, its shim stays),
            ``marked`` (it is no longer installed, its shim stays), ``removed``, ``left out`` (it
            has no shim and gets none), ``foreign`` (the server will execute this file).
        source: who brought it: a distribution and its version, or a ``main.py``.
        path: the shim, or the foreign file.
        broken: whether this is wrong.
        reason: why it is so.
        hint: what to do.
    """

    plugin: str
    action: Action
    source: str = ""
    path: str = ""
    broken: bool = False
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Report:
    """Say what a sync did.

    Attributes:
        folder: the folder, without symbolic links.
        interpreter: the Python that the shims run.
        entries: what became of each plugin.
    """

    folder: str
    interpreter: str
    entries: tuple[Entry, ...]

    @property
    def broken(self) -> bool:
        """Say whether something is wrong."""
        return any(entry.broken for entry in self.entries)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping."""
        return {**asdict(self), "broken": self.broken}
