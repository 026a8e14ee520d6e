"""What a response means to a run: hooks and tables say it, one loop in the client acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from devlake_core.errors import APIException

if TYPE_CHECKING:
    from .response import Response


class Action(Enum):
    """Name what the client does with a response."""

    ACCEPT = "accept"
    RETRY = "retry"
    RATE_LIMITED = "rate_limited"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True)
class Resolution:
    """Say what is to be done with a response.

    Attributes:
        action: what to do.
        reason: why, for the person who reads the log or the error.
        wait: how many seconds to wait before the next try, where that is known.
        exit_code: the exit code of a failure, where it is not the usual one.
        hint: what a person can do about a failure.
    """

    action: Action
    reason: str = ""
    wait: float | None = None
    exit_code: int | None = None
    hint: str = ""

    @classmethod
    def accept(cls) -> Resolution:
        """Take the response as it is, whatever its status."""
        return cls(Action.ACCEPT)

    @classmethod
    def retry(cls, reason: str = "", wait: float | None = None) -> Resolution:
        """Ask again a little later, three times at most."""
        return cls(Action.RETRY, reason, wait)

    @classmethod
    def rate_limited(cls, reason: str = "", wait: float | None = None) -> Resolution:
        """Ask again when the tool's rate limit allows it."""
        return cls(Action.RATE_LIMITED, reason, wait)

    @classmethod
    def skip(cls, reason: str = "") -> Resolution:
        """Leave out what was asked for: a parent that is gone, a feature that is switched off."""
        return cls(Action.SKIP, reason)

    @classmethod
    def fail(cls, reason: str = "", *, exit_code: int | None = None, hint: str = "") -> Resolution:
        """Stop with an error."""
        return cls(Action.FAIL, reason, None, exit_code, hint)


class Skipped(APIException):
    """Say that a response was resolved to be left out."""


_TRANSIENT = {408, 425, 500, 502, 503, 504}
_FIRST_ERROR = 400
_SERVER_ERROR = 500
_OTHER_TRANSIENT = range(520, 531)


def default_resolution(response: Response) -> Resolution:
    """Return what a status means where nobody says otherwise."""
    status = response.status
    if status < _FIRST_ERROR:
        return Resolution.accept()
    if status == 429:
        return Resolution.rate_limited("too many requests")
    if status == 403 and response.headers.get("X-RateLimit-Remaining") == "0":
        return Resolution.rate_limited("the rate limit is used up")
    if status in {401, 407}:
        return Resolution.fail(
            "the tool does not accept the credentials",
            exit_code=77,
            hint="check the connection: `devlake connections test`",
        )
    if status == 403:
        return Resolution.fail(
            "the credentials do not allow this",
            exit_code=77,
            hint="give the account of the connection the right to read this",
        )
    if status in _TRANSIENT or status in _OTHER_TRANSIENT or status >= _SERVER_ERROR:
        return Resolution.retry("the tool has a problem")
    return Resolution.fail()


def failure(response: Response, resolution: Resolution, retry_at: datetime | None) -> APIException:
    """Return the error of a response that could not be had otherwise."""
    url = response.request.url
    why = f" ({resolution.reason})" if resolution.reason else ""
    message = f"{response.request.method} {url}: status {response.status}{why}"
    code, hint = resolution.exit_code, resolution.hint
    if resolution.action in {Action.RETRY, Action.RATE_LIMITED}:
        code = 75
        when = retry_at.astimezone(UTC).isoformat(timespec="seconds") if retry_at else "later"
        hint = hint or f"try again {'at ' + when if retry_at else when}; what came so far is kept"
    kind = Skipped if resolution.action is Action.SKIP else APIException
    return kind(response, message, retry_at=retry_at, hint=hint, exit_code=code)


def retry_time(wait: float) -> datetime:
    """Return the time that lies so many seconds ahead."""
    return datetime.now(UTC) + timedelta(seconds=wait)
