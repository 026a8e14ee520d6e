"""How often and after how long a request is sent again."""

from __future__ import annotations

import random
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TYPE_CHECKING

from devlake_core.errors import RequestError

if TYPE_CHECKING:
    from .response import Headers

TRIES = 4
"""How often a request is sent at most, for problems that pass by themselves."""

MOST_LIMITED = 10
"""How often one request waits for the tool's rate limit at most; such a wait is no try."""

LONGEST_WAIT = 15 * 60.0
"""Seconds; a longer wait ends the run, with the time when it makes sense to go on."""

UNKNOWN_LIMIT = 60.0
"""Seconds to wait for a rate limit where the tool does not say how long."""

_EPOCH = 1_000_000_000  # a greater number is a time, a smaller one a number of seconds
_MILLISECONDS = 100_000_000_000


class ConnectionBroken(RequestError):
    """Say that a connection broke before the response was whole; another try may help."""


def retry_after(headers: Headers, *, limited: bool) -> float | None:
    """Return the seconds that the tool asks to wait; None where it says nothing sensible.

    ``Retry-After`` comes as seconds or as an HTTP date (RFC 9110, 10.2.3), ``RateLimit-Reset``
    and ``X-RateLimit-Reset`` as seconds or as a Unix time. A date is held against the tool's own
    clock, as its ``Date`` header tells it.

    Args:
        headers: the response's headers.
        limited: whether a rate limit was hit. Tools send the reset headers with every response;
            a server error has nothing to do with them.
    """
    names = ("Retry-After", "RateLimit-Reset", "X-RateLimit-Reset")
    for name in names if limited else names[:1]:
        value = headers.get(name)
        wait = None if value is None else _seconds(str(value).strip(), headers)
        if wait is not None:
            return max(0.0, wait)
    return None


def _seconds(value: str, headers: Headers) -> float | None:
    now = _time(headers.get("Date")) or time.time()
    try:
        number = float(value)
    except ValueError:
        at = _time(value)
        return None if at is None else at - now
    if not isfinite(number) or number < 0:
        return None
    if number >= _MILLISECONDS:
        number /= 1000
    return number - now if number > _EPOCH else number


def _time(value: str | None) -> float | None:
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).timestamp()
    except (ValueError, OverflowError):
        return None


def backoff(tried: int, base: float) -> float:
    """Return the seconds to wait after so many tries: exponential, with full jitter."""
    return random.uniform(0, base * 2**tried)
