"""How long to wait before a request is sent again."""

from __future__ import annotations

import random
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .response import Headers

TRIES = 4
"""How often a request is sent at most, for problems that pass by themselves."""

LONGEST_WAIT = 15 * 60.0
"""Seconds; a longer wait ends the run, with the time when it makes sense to go on."""

UNKNOWN_LIMIT = 60.0
_EPOCH = 1_000_000_000  # a greater number is a time, a smaller one a number of seconds


def retry_after(headers: Headers) -> float | None:
    """Return the seconds that the tool asks to wait; None where it says nothing sensible.

    ``Retry-After`` comes as seconds or as an HTTP date (RFC 9110, 10.2.3), ``X-RateLimit-Reset``
    and ``RateLimit-Reset`` as seconds or as a Unix time. A date is held against the tool's own
    clock, as its ``Date`` header tells it.
    """
    for name in ("Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"):
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
    if not 0 <= number < float("inf"):
        return None
    return number - now if number > _EPOCH else number


def _time(value: str | None) -> float | None:
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).timestamp()


def backoff(attempt: int, base: float) -> float:
    """Return the seconds to wait after so many tries: exponential, with full jitter."""
    return random.uniform(0, base * 2**attempt)
