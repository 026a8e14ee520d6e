"""Let no secret through where something is printed."""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from .errors import OutputError
from .redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator


class RedactingStream(io.TextIOBase):
    """Write text to another stream, redacted line by line.

    What has no line end yet is kept back until it has one or is flushed: a secret may come in
    pieces.

    Args:
        stream: the other stream.
        needed: whether it is an error if nobody takes the text (not so for stderr).
    """

    def __init__(self, stream: TextIO, *, needed: bool) -> None:
        self._stream = stream
        self._needed = needed
        self._kept = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write what has a line end, keep the rest."""
        with self._lock:
            whole, end, rest = (self._kept + text).rpartition("\n")
            self._kept = rest
            if end:
                with self._told():
                    self._stream.write(redact(whole) + end)
        return len(text)

    def flush(self) -> None:
        """Write everything."""
        with self._lock:
            kept, self._kept = self._kept, ""
            with self._told():
                if kept:
                    self._stream.write(redact(kept))
                self._stream.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Make an error of ours of what goes wrong in the block.

        An OSError would be taken for a broken pipe, and so for nothing, on its way through click.
        """
        try:
            yield
        except OSError as error:
            if self._needed:
                # Nobody is left to be told of a pipe that was closed: `devlake … | head`.
                gone = isinstance(error, BrokenPipeError)
                message = "" if gone else f"the output could not be written: {error.strerror}"
                raise OutputError(message) from error

    def writable(self) -> bool:
        """Say yes."""
        return True

    def isatty(self) -> bool:
        """Say whether a person looks at it."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the other stream's descriptor."""
        return self._stream.fileno()

    @property
    def buffer(self) -> io.RawIOBase:
        """Return what takes bytes: they are redacted as well."""
        return _Bytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the other stream's encoding."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Return what is done with signs that the encoding lacks."""
        return self._stream.errors


class _Bytes(io.RawIOBase):
    """Write bytes as text to a redacting stream."""

    def __init__(self, stream: RedactingStream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Any) -> int:
        """Write bytes; what is no UTF-8 is replaced."""
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        """Write everything."""
        if not self.closed:
            self._stream.flush()
