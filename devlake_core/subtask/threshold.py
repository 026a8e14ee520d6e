"""When bad records are too many to go on."""

from __future__ import annotations

from devlake_core.errors import TooManyBadRecords

MOST = 1000
SHARE = 0.01
ENOUGH_TO_JUDGE = 1000


class Threshold:
    """Count the good and the bad of one run, and stop it when there are too many bad ones."""

    def __init__(self, stream: str, verb: str) -> None:
        self._stream = stream
        self._verb = verb
        self.read = 0
        self.bad = 0
        self._first = ""

    def count(self, read: int, reasons: list[str]) -> None:
        """Count one batch."""
        self.read += read
        self.bad += len(reasons)
        if reasons and not self._first:
            self._first = reasons[0]

    def check(self) -> None:
        """Stop after a batch if more than 1,000, or 1 % of at least 1,000, are bad.

        Raises:
            TooManyBadRecords: there are too many.
        """
        share = self.read >= ENOUGH_TO_JUDGE and self.bad > self.read * SHARE
        if self.bad > MOST or share:
            raise self._error()

    def check_end(self) -> None:
        """Fail at the end of the stream if more than half are bad: a renamed field, most likely.

        Raises:
            TooManyBadRecords: there are too many.
        """
        if self.bad * 2 > self.read:
            raise self._error()

    def _error(self) -> TooManyBadRecords:
        return TooManyBadRecords(
            f"{self._verb} of stream {self._stream!r}: {self.bad} of {self.read} records are in "
            f"quarantine; the first: {self._first}",
            hint="see what the tool sends and how the plugin reads it; nothing was removed, and "
            "the records are kept in the raw and quarantine tables",
        )
