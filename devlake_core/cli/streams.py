"""Let no secret through: stdout, stderr and logs pass the redaction filter."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from devlake_core.printing import RedactingStream
from devlake_core.redaction import RedactingFilter

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    out, err = RedactingStream(before[0], needed=True), RedactingStream(before[1], needed=False)
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
