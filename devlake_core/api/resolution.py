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


TRANSIENT = "the tool has a problem"
_REFUSED = {401, 403, 407}


def default_resolution(response: Response) -> Resolution:
    """Return what a status means where nobody says otherwise."""
    status, headers = response.status, response.headers
    if status < 400:
        return Resolution.accept()
    if status == 429:
        return Resolution.rate_limited("too many requests")
    if status == 403 and (
        headers.get("X-RateLimit-Remaining", "").strip() == "0" or "Retry-After" in headers
    ):
        return Resolution.rate_limited("the rate limit is used up")
    if status in {401, 407}:
        return Resolution.fail(
            "the tool does not accept the credentials",
            exit_code=77,
            hint="check the connection: `devlake connections test PLUGIN`",
        )
    if status == 403:
        return Resolution.fail(
            "the credentials do not allow this",
            exit_code=77,
            hint="give the account of the connection the right to read this",
        )
    if status >= 500 or status in {408, 425}:
        return Resolution.retry(TRANSIENT)
    return Resolution.fail()


def failure(response: Response, resolution: Resolution, retry_at: datetime | None) -> APIException:
    """Return the error of a response that could not be had otherwise."""
    url = response.request.url.partition("?")[0]
    why = f" ({resolution.reason})" if resolution.reason else ""
    message = f"{response.request.method} {url}: status {response.status}{why}"
    code, hint = resolution.exit_code, resolution.hint
    if resolution.action in {Action.RETRY, Action.RATE_LIMITED}:
        code = 75
        when = retry_at.astimezone(UTC).isoformat(timespec="seconds") if retry_at else "later"
        hint = hint or f"try again {'at ' + when if retry_at else when}; what came so far is kept"
    elif resolution.action is Action.FAIL and code is None and response.status in _REFUSED:
        code = 77  # whoever resolved it so, that is what it is
    kind = Skipped if resolution.action is Action.SKIP else APIException
    return kind(response, message, retry_at=retry_at, hint=hint, exit_code=code)


def set_exit_code(error: APIException) -> None:
    """Give an error that a hook raised the exit code of its status, if it has the usual one."""
    status = getattr(error.response, "status", 0)
    if error.exit_code == APIException.default_exit_code:
        if status in _REFUSED:
            error.exit_code = 77
        elif status == 429 or status >= 500:
            error.exit_code = 75


def retry_time(wait: float) -> datetime:
    """Return the time that lies so many seconds ahead."""
    return datetime.now(UTC) + timedelta(seconds=min(wait, _YEAR))


_YEAR = 365 * 86400.0  # a tool's nonsense must not overflow a date
