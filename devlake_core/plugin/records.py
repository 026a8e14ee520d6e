"""What is known of each guest: a data source or a package of shared hooks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from devlake_core.errors import PluginLoadError

Kind = Literal["plugin", "hooks"]
State = Literal["ok", "unchecked", "disabled", "broken"]


@dataclass
class PluginRecord:
    """Say what is known of one entry point, and in which state its guest is.

    Attributes:
        kind: ``plugin`` (a data source) or ``hooks`` (shared hooks).
        name: the entry point's name, which is the plugin's.
        distribution: the name of the distribution that brought it.
        version: the distribution's version.
        entry_point: where the guest is: ``package.module:Class``.
        summary: what the distribution says of itself, in one line.
        state: ``unchecked`` until it is loaded, then ``ok`` or ``broken``; or ``disabled``.
        cause: the kind of reason in one word: import, timeout, hook, invalid, name, reserved,
            conflict, metadata, python, off.
        reason: why it is broken or disabled.
        hint: what to do about it.
    """

    kind: Kind
    name: str
    distribution: str
    version: str
    entry_point: str
    summary: str = ""
    state: State = "unchecked"
    cause: str = ""
    reason: str = ""
    hint: str = ""

    @property
    def source(self) -> str:
        """Return the distribution and its version."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def usable(self) -> bool:
        """Say whether nothing is known that speaks against loading it."""
        return self.state in {"ok", "unchecked"}

    def mark_broken(self, cause: str, reason: str, hint: str = "") -> None:
        """Note why it cannot be used; what was noted first stays, for it is nearest the cause."""
        if self.state != "broken":
            self.state, self.cause, self.reason, self.hint = "broken", cause, reason, hint

    def as_error(self) -> PluginLoadError:
        """Return the error that says why it cannot be used."""
        what = "plugin" if self.kind == "plugin" else "hooks package"
        return PluginLoadError(
            f"{what} {self.name!r} ({self.source}) is {self.state}: {self.reason}",
            plugin=self.name,
            distribution=self.source,
            hint=self.hint,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping."""
        return asdict(self)
