"""Import a guest without letting it take the house down.

In one process nothing can stop a guest from patching other modules; what can be seen afterwards
(signal handlers, working directory, locale, the default timeout of sockets) is put back, with a
warning that names the guest.
"""

from __future__ import annotations

import importlib
import locale
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING, Any

from devlake_core.errors import Cancelled, PluginLoadError
from devlake_core.raised import place

from .clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from .records import PluginRecord

log = logging.getLogger(__name__)

LIMIT = "DEVLAKE_IMPORT_SECONDS"
"""The environment variable that sets how long the import of a guest may take."""


class TookTooLong(BaseException):
    """Stop an import that does not end; no ``except Exception`` of the guest catches it."""


def import_seconds() -> float:
    """Return how long the import of a guest may take."""
    try:
        seconds = float(os.environ.get(LIMIT, ""))
    except ValueError:
        return 30.0
    return seconds if seconds > 0 else 30.0


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise ``TookTooLong`` in the block once the time is up, where SIGALRM can be used.

    It can in the main thread of a POSIX process whose timer nobody else has set.
    """
    usable = (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getitimer(signal.ITIMER_REAL)[0] == 0
    )
    if not usable:
        yield
        return
    armed = True

    def ring(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    # It rings again each second, for a guest that catches everything.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _surroundings() -> dict[str, Any]:
    try:
        folder = os.getcwd()
    except OSError:
        folder = ""
    return {
        "signal handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "the working directory": folder,
        "the locale": locale.setlocale(locale.LC_ALL),
        "the default socket timeout": socket.getdefaulttimeout(),
    }


def _restore(what: str, value: Any) -> None:
    if what == "signal handlers":
        for number, handler in value.items():
            # A handler that was not set from Python reads as None and cannot be set.
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
    elif what == "the working directory":
        os.chdir(value)
    elif what == "the locale":
        locale.setlocale(locale.LC_ALL, value)
    else:
        socket.setdefaulttimeout(value)


@contextmanager
def put_back(who: str, when: str) -> Iterator[None]:
    """Put back what a guest changed in the block, with a warning that names it.

    Args:
        who: the guest, as a warning names it.
        when: what it did meanwhile: "while it was imported".
    """
    before = _surroundings()
    try:
        yield
    finally:
        after = _surroundings()
        for what, value in before.items():
            if after[what] == value:
                continue
            try:
                _restore(what, value)
            except (OSError, ValueError, locale.Error) as error:
                # Signal handlers outside the main thread, a folder that is gone.
                log.warning("%s changed %s %s, and it stays so: %s", who, what, when, error)
            else:
                log.warning("%s changed %s %s; put back", who, what, when)


def import_guest(record: PluginRecord) -> Any:
    """Import what a record's entry point names, under guard.

    Raises:
        PluginLoadError: it cannot be imported; the record is marked as broken.
    """
    module_name, _, attributes = record.entry_point.partition(":")
    with guarded(record, "while it was imported"):
        module = importlib.import_module(module_name)
        return reduce(getattr, attributes.split("."), module) if attributes else module


@contextmanager
def guarded(record: PluginRecord, when: str, cause: str = "import") -> Iterator[None]:
    """Run a guest's code; whatever it raises marks its record as broken.

    Args:
        record: the guest's record.
        when: what it does: "while it was imported".
        cause: the kind of reason that is noted.

    Raises:
        PluginLoadError: it raised something, called ``sys.exit`` or took too long.
    """
    seconds = import_seconds()
    try:
        with put_back(f"{record.kind} {record.name!r} ({record.source})", when), alarm(seconds):
            yield
    except (KeyboardInterrupt, Cancelled):
        raise
    except PluginLoadError as error:
        record.mark_broken("invalid", error.message, error.hint)
        raise record.as_error() from error
    except BaseException as error:
        record.mark_broken(*_explained(error, record, when, seconds, cause))
        raise record.as_error() from error


def _explained(
    error: BaseException, record: PluginRecord, when: str, seconds: float, cause: str
) -> tuple[str, str, str]:
    """Return the cause, the reason and the hint of what a guest raised."""
    switch = f"or keep it out: DEVLAKE_DISABLED_PLUGINS={record.name}"
    if isinstance(error, TookTooLong):
        return "timeout", f"it did not end within {seconds:g} s {when}", f"ask its author; {switch}"
    if isinstance(error, SystemExit):
        return cause, f"it called sys.exit({error.code!r}) {when}", f"ask its author; {switch}"
    text = clean(f"{type(error).__name__}: {error}", 300) + place(error) + f" {when}"
    if isinstance(error, ModuleNotFoundError):
        return (
            cause,
            text,
            f"install {clean(error.name, 80)!r} (pip install {record.distribution} brings what it "
            f"declares), {switch}",
        )
    if isinstance(error, SyntaxError):
        version = ".".join(map(str, sys.version_info[:2]))
        return cause, text, f"see whether it is made for Python {version}, {switch}"
    return cause, text, f"update or reinstall {record.distribution}, {switch}"
