"""Let no secret through: stdout, stderr and logs pass the redaction filter."""

from __future__ import annotations

import io
import logging
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from devlake_core.redaction import RedactingFilter, redact

if TYPE_CHECKING:
    from collections.abc import Iterator


class RedactingStream(io.TextIOBase):
    """Write text to another stream, redacted line by line.

    What has no line end yet is kept back until it has one or is flushed: a secret may come in
    pieces.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._kept = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write what has a line end, keep the rest."""
        with self._lock:
            whole, end, rest = (self._kept + text).rpartition("\n")
            self._kept = rest
            if end:
                self._stream.write(redact(whole) + end)
        return len(text)

    def flush(self) -> None:
        """Write everything."""
        with self._lock:
            if self._kept:
                kept, self._kept = self._kept, ""
                self._stream.write(redact(kept))
            self._stream.flush()

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
    def encoding(self) -> str:  # type: ignore[override]
        """Return the other stream's encoding."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Return what is done with signs that the encoding lacks."""
        return self._stream.errors


class _Handler(logging.StreamHandler[Any]):
    """Log to what ``sys.stderr`` is at that moment: progress bars put themselves in between."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """Return stderr."""
        return sys.stderr


@contextmanager
def redacted() -> Iterator[None]:
    """Redact stdout, stderr and logs in the block."""
    before = sys.stdout, sys.stderr
    for stream in before:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A name that the terminal cannot show must not end a run.
            reconfigure(errors="backslashreplace")
    out, err = (RedactingStream(stream) for stream in before)
    handler = _Handler()
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        root.removeHandler(handler)
        root.setLevel(level)
        try:
            err.flush()
        finally:
            out.flush()


def log_all() -> None:
    """Log for debugging, with the logger's name."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    for handler in root.handlers:
        if isinstance(handler, _Handler):
            handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
