"""What `devlake doctor` finds, here and in a server's installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from devlake_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.store import Store


@dataclass(frozen=True)
class Finding:
    """Say what was looked at and how it is.

    Attributes:
        level: ``ok``, ``note``, ``warning`` or ``wrong``.
        what: what was looked at.
        text: how it is.
        hint: what to do.
    """

    level: Literal["ok", "note", "warning", "wrong"]
    what: str
    text: str
    hint: str = ""


def secrets_of(store: Store, plugins: list[Any]) -> Iterator[Finding]:
    """Yield whether the saved connections can be read with this encryption secret."""
    from .fields import secret_names
    from .saved import Saved

    there = store.tables()
    for plugin in plugins:
        kind = plugin.connection_type
        if str(kind.__tablename__) not in there or not list(secret_names(kind)):
            continue
        saved = Saved(store, plugin).connections
        try:
            count = len(saved.rows())
        except ConfigError as error:
            yield Finding("wrong", f"connections of {plugin.name}", error.message, error.hint)
            continue
        if count:
            yield Finding("ok", f"connections of {plugin.name}", f"{count} can be read")
