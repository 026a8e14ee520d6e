"""Mend rows that the database refused: odd characters, text that is too long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .values import UnfitError, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column

    from .engine import Store
    from .found import FoundColumn, FoundTable

    Row = tuple[Any, ...]

_BEYOND_UTF8MB3 = re.compile("[\U00010000-\U0010ffff]")
# The escape for NUL, unless its backslash is itself escaped.
_JSON_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_MENDED = {"text", "json", "enum", "other"}


class Cleaner:
    """Mend texts as one database needs it."""

    def __init__(self, columns: Sequence[Column[Any]], store: Store, found: FoundTable) -> None:
        self._postgresql = store.dialect == "postgresql"
        self._columns = [
            (position, column, kind, found.columns[column.name])
            for position, column in enumerate(columns)
            if (kind := kind_of(column, store)) in _MENDED
        ]

    def clean(self, row: Row, truncated: dict[str, int]) -> Row:
        """Return a row without NULs, lone surrogates and overlong text.

        Args:
            row: values as the driver takes them.
            truncated: the number of cut values by column, which is counted up.

        Raises:
            UnfitError: a key, or JSON, would have to be cut.
        """
        values = list(row)
        for position, column, kind, found in self._columns:
            value = values[position]
            if not isinstance(value, str):
                continue
            text = self._mend(value, kind, found)
            cut = _cut(text, found)
            if len(cut) < len(text):
                if column.primary_key or kind == "json":
                    message = f"a value is too long (column {column.name})"
                    raise UnfitError(message)
                truncated[column.name] = truncated.get(column.name, 0) + 1
            values[position] = cut
        return tuple(values)

    def _mend(self, text: str, kind: str, found: FoundColumn) -> str:
        """Return a text of signs that the column can hold."""
        # By way of UTF-16, in which two halves of a sign that came apart find together again.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if self._postgresql:
            text = _JSON_NUL.sub(r"\1", text) if kind == "json" else text
            return text.replace("\0", "")
        if found.charset in {"utf8", "utf8mb3"}:
            return _BEYOND_UTF8MB3.sub("\ufffd", text)
        return text


def _cut(text: str, found: FoundColumn) -> str:
    if found.characters is not None and len(text) > found.characters:
        text = text[: found.characters]
    if found.octets is not None and len(text) * 4 > found.octets:
        return text.encode()[: found.octets].decode("utf-8", "ignore")
    return text
