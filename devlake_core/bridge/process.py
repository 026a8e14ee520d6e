"""What a process of the bridge finds out about itself and others, and has the kernel see to."""

from __future__ import annotations

import os
import resource
import signal
import sys

_LATER_VICTIM = b"300"
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def die_with(parent: int, number: int) -> None:
    """Be sent a signal when the parent ends; end at once if it has ended already.

    Args:
        parent: the process that forked this one.
        number: the signal.
    """
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(70)


def hide() -> None:
    """Leave no core file, and let no other process of this user read this one's memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def be_killed_first() -> None:
    """Have the kernel end this process before the keeper when memory ends; gain no rights."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    try:
        # A process that cannot be dumped does not own its files in /proc.
        _prctl(_PR_SET_DUMPABLE, 1)
        with open("/proc/self/oom_score_adj", "wb") as file:
            file.write(_LATER_VICTIM)
    except OSError:
        # No Linux, or not allowed in a container; the kernel chooses by size then.
        pass
    finally:
        hide()


def kill_session(pid: int) -> bool:
    """Kill a worker with all that it started, and say whether there was anything."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def resident_pages() -> int:
    """Return this process's memory in pages; 0 where it is not known."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


def threads() -> int:
    """Return how many threads this process has, those of C libraries too."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        return threading.active_count()


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
