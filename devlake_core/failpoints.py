"""Let tests break a process at named places, the same in any process that they cannot reach into.

``DEVLAKE_FAILPOINTS="commit.within=3:kill9"`` kills the process when it comes to the place for the
third time; several are separated by commas. Without the variable a place costs one look-up.

====================  ==========================================================
place                 when
====================  ==========================================================
``request.before``    before a request is sent to a tool
``commit.before``     before the transaction of a batch
``commit.within``     in it, when rows and state are written and not committed
``commit.after``      when it is committed
``call.end``          when a call of the bridge has given its result
====================  ==========================================================

Actions are ``kill9``, ``stop``, ``segv``, ``raise`` and ``sleep``.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

VARIABLE = "DEVLAKE_FAILPOINTS"
SLEEP_SECONDS = 60.0

_passed: Counter[str] = Counter()
_SIGNALS = {"kill9": signal.SIGKILL, "stop": signal.SIGSTOP, "segv": signal.SIGSEGV}


def failpoint(place: str) -> None:
    """Break here if the variable says so.

    Raises:
        RuntimeError: it says ``raise``.
        ValueError: it says something that is no action.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    _passed[place] += 1
    for item in wanted.split(","):
        name, _, rest = item.partition("=")
        number, _, action = rest.partition(":")
        if (name, number) == (place, str(_passed[place])):
            _break(place, action)


def _break(place: str, action: str) -> None:
    if action in _SIGNALS:
        os.kill(os.getpid(), _SIGNALS[action])
    elif action == "sleep":
        time.sleep(SLEEP_SECONDS)
    elif action == "raise":
        message = f"failpoint {place}"
        raise RuntimeError(message)
    else:
        message = f"{VARIABLE}: {action!r} is no action"
        raise ValueError(message)
