"""Why something failed, in words for a person, and what the process should end with."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from devlake_core.errors import DevlakeError, ScopeBusy
from devlake_core.plugin.clean import clean
from devlake_core.raised import place
from devlake_core.redaction import redact

from .job import Failure

if TYPE_CHECKING:
    from devlake_core.plugin.base import Plugin


def failure_of(
    error: BaseException,
    name: str,
    plugin: Plugin | None,
    subtask: str = "",
    *,
    busy: str = "wait for it to end with --wait SECONDS, or end that process",
    report: str = "run again with --debug and report it",
) -> Failure:
    """Return what an error means; nothing in it holds a secret.

    Args:
        error: what was raised.
        name: the data source's name.
        plugin: the data source; None if it was not loaded.
        subtask: the verb and stream that were run, if any.
        busy: what to do when another run holds the scope.
        report: what to do about a mistake of ours.
    """
    if isinstance(error, MemoryError):
        # What its frames hold is what took the memory.
        traceback.clear_frames(error.__traceback__)
    trace = redact("".join(traceback.format_exception(error)))
    if isinstance(error, DevlakeError):
        message = redact(clean(error.message or type(error).__name__, 4000))
        retry_at = getattr(error, "retry_at", None)
        hint = redact(error.hint)
        if isinstance(error, ScopeBusy) and not hint:
            hint = busy
        if retry_at is not None:
            hint = f"{hint}; try again after {retry_at:%Y-%m-%d %H:%M:%S} UTC".lstrip("; ")
        return Failure(message, hint, error.exit_code, subtask, trace)
    if isinstance(error, MemoryError):
        message = f"there is not enough memory for {name}{place(error)}"
        hint = "give the process more, or run fewer at once; what was committed stays"
        return Failure(message, hint, 75, subtask, trace)
    what = (
        f"sys.exit({error.code!r}) was called"
        if isinstance(error, SystemExit)
        else f"{type(error).__name__}: {error}"
    )
    message = redact(clean(what, 1000) + place(error))
    if plugin is not None and is_guests(error, plugin):
        hint = f"this is a mistake in the plugin {name}: tell its author"
        return Failure(message, hint, 1, subtask, trace)
    return Failure(message, f"this is a mistake in devlake_core: {report}", 70, subtask, trace)


def is_guests(error: BaseException, plugin: Plugin) -> bool:
    """Say whether code of a plugin was running when an error was raised."""
    top = sys.modules.get(type(plugin).__module__.partition(".")[0])
    file = getattr(top, "__file__", None)
    if file is None:
        return True
    # A package is its folder, a single module its file alone.
    own = Path(file).resolve()
    house = own.parent if hasattr(top, "__path__") else own
    frames = [Path(item.filename).resolve() for item in traceback.extract_tb(error.__traceback__)]
    return any(frame == house or house in frame.parents for frame in frames)
