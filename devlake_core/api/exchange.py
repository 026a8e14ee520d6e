"""Send a request until its response is accepted: the one loop that waits and tries again."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from devlake_core.errors import APIException, RequestError
from devlake_core.redaction import register_secret

from .address import origin
from .hooks import ABORT, REQUEST, RESPONSE, hooks_of
from .paging import readable
from .request import Request
from .resolution import (
    Action,
    Resolution,
    default_resolution,
    failure,
    retry_time,
    set_exit_code,
)
from .response import Response
from .retry import (
    LONGEST_WAIT,
    MOST_LIMITED,
    TRIES,
    UNKNOWN_LIMIT,
    ConnectionBroken,
    backoff,
    retry_after,
)
from .runtime import Call, current_runtime

if TYPE_CHECKING:
    from .client import API


_SECRET_HEADER = re.compile(r"auth|token|key|secret|cookie|password|session", re.IGNORECASE)


def exchange(api: API, request: Request, *, page: bool = False) -> Any:
    """Return the accepted response, or ABORT.

    Args:
        api: the client.
        request: the request; it stays as it is.
        page: whether the response must be JSON.

    Raises:
        APIException: the response was resolved to failure.
        RequestError: there was no response.
    """
    runtime = current_runtime.get()
    tried = limited = 0
    for attempt in count(1):
        runtime.check_cancelled()
        try:
            call = _sent(api, request, attempt)
            if call is None:
                return ABORT
            resolution = _resolved(api, call, page=page)
        except ConnectionBroken as error:
            tried += 1
            if tried == TRIES:
                # Of another class, so that a hook's own request is not tried all over again.
                message = f"{error.message} (tried {TRIES} times)"
                raise RequestError(
                    message, request=error.request, hint=error.hint, exit_code=error.exit_code
                ) from None
            runtime.count("retries")
            runtime.pause(backoff(tried, api.retry_seconds), error.message)
            continue
        if resolution is ABORT:
            return ABORT
        response: Any = call.response
        if resolution.action is Action.ACCEPT:
            return response
        if resolution.action is Action.RATE_LIMITED:
            limited += 1
        else:
            tried += 1
        wait = _wait(response, resolution, tried, api.retry_seconds)
        spent = tried >= TRIES or limited > MOST_LIMITED
        if wait is None or spent or wait > LONGEST_WAIT:
            raise failure(response, resolution, None if wait is None else retry_time(wait))
        runtime.count("retries")
        runtime.pause(wait, resolution.reason or f"status {response.status}")
    raise AssertionError


def _wait(response: Response, resolution: Resolution, tried: int, base: float) -> float | None:
    """Return the seconds to wait before the next try; None where there is none."""
    if resolution.action not in {Action.RETRY, Action.RATE_LIMITED}:
        return None
    if resolution.wait is not None:
        return max(0.0, resolution.wait)
    limited = resolution.action is Action.RATE_LIMITED
    asked = retry_after(response.headers, limited=limited)
    if asked is not None:
        return asked
    return UNKNOWN_LIMIT if limited else backoff(tried, base)


def _sent(api: API, request: Request, attempt: int) -> Call | None:
    """Send a pristine copy of the request through all hooks, once; None where one aborts it."""
    from .transport import transport_for  # takes a moment, and only a request needs it

    runtime, connection = current_runtime.get(), api.connection
    asked = request.copy()
    asked.url = api.absolute(asked.url)
    for hook in hooks_of(api, REQUEST):
        given = hook(asked)
        if given is ABORT:
            return None
        asked = given if isinstance(given, Request) else asked
    call = Call(
        asked,
        plugin=runtime.plugin,
        stream=runtime.stream,
        connection=str(getattr(connection, "name", None) or ""),
        attempt=attempt,
        purpose=runtime.purpose,
    )
    runtime.before_request(call)
    shown = call.request
    shown.url = api.absolute(shown.url)
    _hide_secrets(shown)
    sent = shown.copy()
    if api.auth is not None and _trusted(api, sent.url):
        api.auth.authenticate(sent, connection)
    runtime.count("requests")
    call.response = transport_for(connection, api.proxy).send(sent, shown)
    return call


def _hide_secrets(request: Request) -> None:
    """Keep what a hook put into a header that bears a secret out of every output."""
    for name, value in request.headers.items():
        if _SECRET_HEADER.search(name):
            # Of "Bearer abc" the part behind the blank is the secret.
            register_secret(str(value).rpartition(" ")[2])


def _trusted(api: API, url: str) -> bool:
    """Return whether a URL's host may see the connection's credentials.

    Where neither the API nor the connection names a host, the author's URLs are all there is.
    """
    base = api.address
    if base is None or origin(url) == origin(base):
        return True
    further = getattr(api.auth, "hosts", ())
    return urlsplit(url).hostname in further and url.startswith(("https:", urlsplit(base).scheme))


def _resolved(api: API, call: Call, *, page: bool) -> Any:
    """Return what is to be done with the response, or ABORT."""
    runtime = current_runtime.get()
    try:
        runtime.after_response(call)
        resolution: Resolution | None = None
        for hook in hooks_of(api, RESPONSE):
            given = hook(call.response)
            if given is ABORT:
                return ABORT
            if isinstance(given, Resolution):
                resolution = resolution or given
            elif isinstance(given, Response):
                call.response = given
        resolution = resolution or runtime.resolve_response(call)
    except APIException as error:
        set_exit_code(error)
        raise
    return resolution or _default(call.response, page=page)


def _default(response: Any, *, page: bool) -> Resolution:
    resolution = default_resolution(response)
    if resolution.action is not Action.ACCEPT or not 200 <= response.status < 300:
        return resolution
    kind = response.headers.get("Content-Type", "").lower()
    if not response.body:
        # An empty page would pass for the last one.
        empty = page and response.status not in {204, 205}
        return Resolution.retry("an empty body") if empty else resolution
    if not page and "json" not in kind:
        return resolution
    try:
        readable(response)
    except ValueError:
        if page and ("html" in kind or response.body.lstrip()[:1] == b"<"):
            return Resolution.fail(
                f"a page for people, not JSON; it begins: {response.text[:80]!r}",
                exit_code=77,
                hint="most likely a page to log in: see whether the credentials are right, and "
                "whether the connection's address is that of the tool's API",
            )
        return Resolution.retry(f"broken JSON of {len(response.body)} bytes")
    return resolution
