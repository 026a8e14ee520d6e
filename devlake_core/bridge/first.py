"""What a process that answers the server does first, before it imports anything that takes time.

The server may cancel a call at any moment, every user can list the arguments, in which secrets
are, and whoever starts us may have closed the standard descriptors.
"""

from __future__ import annotations

import os
import signal
import sys

caught: list[int] = []
"""The signals that ask for the end of the call, as they came."""

_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def begin() -> list[str]:
    """Note signals instead of dying of them, hide the arguments, and return those."""
    open_standard_descriptors()
    for number in _HEARD:
        signal.signal(number, lambda number, _frame: caught.append(number))
    arguments = sys.argv[1:]
    _wipe_arguments()
    return arguments


def open_standard_descriptors() -> None:
    """Give no file of ours a number that means something else to others."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        continue
    os.close(number)


def _wipe_arguments() -> None:
    """Overwrite this process's arguments."""
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        # proc(5): arg_start and arg_end are fields 48 and 49; the first two were cut off.
        start, end = int(fields[45]), int(fields[46])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            name = memory.read(end - start).split(b"\0")[0]
            memory.seek(start + len(name))
            memory.write(b"\0" * (end - start - len(name)))
    except (OSError, ValueError, IndexError):
        # No Linux, or no right to it: the operator's guide says what that means.
        return
    sys.argv[1:] = []
