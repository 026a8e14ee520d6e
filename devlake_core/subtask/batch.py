"""One batch of raw rows on its way to tool rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.errors import RecordError
from devlake_core.store.quarantine import Bad

if TYPE_CHECKING:
    from devlake_core.store import Written
    from devlake_core.store.raw import RawRow

    from .extraction import Extraction

Key = tuple[Any, ...]


class Batch:
    """Sort one batch of raw rows into tool rows, superseded and bad ones."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.latest: dict[Key, int] = {}
        self.superseded: list[int] = []
        self.bad: list[Bad] = []
        self.bad_keys: list[Key] = []
        self.keyless = False

    def take(self, extraction: Extraction, raw: RawRow) -> None:
        """Extract one raw row."""
        try:
            rows = extraction.rows(raw)
        except RecordError as error:
            self._reject(extraction, raw, str(error))
            return
        keys = extraction.keys
        if keys is not None:
            plain = len(rows) == 1 and not extraction.authored
            key = keys.of_row(rows[0]) if plain else keys.of_raw(raw)
            if key is not None:
                self._supersede(key, raw.id)
        self.rows.extend(rows)

    def rejected(self, written: Written) -> list[Bad]:
        """Return the rows that could not be written."""
        return [Bad(self.rows[i]["raw_data_id"], reason) for i, reason in written.rejected]

    def _supersede(self, key: Key, raw_id: int) -> None:
        older = self.latest.get(key)
        if older is not None:
            self.superseded.append(older)
            self.rows = [row for row in self.rows if row["raw_data_id"] != older]
        self.latest[key] = raw_id

    def _reject(self, extraction: Extraction, raw: RawRow, reason: str) -> None:
        self.bad.append(Bad(raw.id, reason))
        if extraction.keys is None:
            return
        key = extraction.keys.of_raw(raw)
        if key is None:
            self.keyless = True
        else:
            self.bad_keys.append(key)
