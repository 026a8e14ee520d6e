"""Where a call's results, progress and log lines go: the worker's pipes, or a list in a test."""

from __future__ import annotations

from typing import Protocol


class Output(Protocol):
    """Take what a call gives."""

    def result(self, line: bytes) -> None:
        """Take a line of a result; it has no newline in it nor at its end."""

    def progress(self, increment: int, current: int, total: int) -> None:
        """Take how far a subtask is; what is left out of several adds up in ``increment``."""

    def alive(self) -> None:
        """Take that the call goes on although nothing comes of it."""

    def log(self, text: str) -> None:
        """Take a line for the task's log."""
