"""The client: hooks, transport, resolution, paging; one loop that retries and waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from devlake_core.errors import APIException, ConfigError, RecordError, RequestError
from devlake_core.model.pointer import items_at

from .hooks import ABORT, REQUEST, RESPONSE, hooks_of
from .paging import Page, PagedResponse
from .request import Request, joined
from .resolution import Action, Resolution, default_resolution, failure, retry_time
from .response import Response
from .retry import LONGEST_WAIT, TRIES, UNKNOWN_LIMIT, backoff, retry_after
from .runtime import Call, current_runtime
from .transport import Truncated, transport_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .auth import Authenticator
    from .paginators import Paginator


_NO_ANSWER = "see whether the tool is up and its address is right; what came so far is kept"


class API:
    """Ask one tool; the base of an author's client.

    A subclass needs no ``__init__``; one that does not call ``super().__init__()`` works too.

    Class attributes:
        base_url: what relative URLs are joined to; the connection's ``endpoint`` where left out.
        paginator: how pages follow each other; None where the tool does not page.
        auth: what puts the connection's credentials into a request.
        check: the path that ``test_connection`` asks.
        retry_seconds: the base of the waits between tries.
    """

    base_url: str | None = None
    paginator: Paginator | None = None
    auth: Authenticator | None = None
    check: str | None = None
    retry_seconds: float = 0.5

    def __init__(self, connection: Any = None) -> None:
        self.connection = connection

    def __getattr__(self, name: str) -> Any:
        """Give what ``__init__`` would have set, to a subclass that does not call it."""
        if name == "connection":
            return current_runtime.get().connection
        if name == "_transport":
            self._transport = transport_for(self._connection, self.proxy)
            return self._transport
        message = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(message)

    @property
    def proxy(self) -> str | None:
        """Return the connection's proxy."""
        value = getattr(self._connection, "proxy", None)
        return str(value) if value else None

    @property
    def session(self) -> Any:
        """Return the session of ``requests`` that is used."""
        return self._transport._open()

    @property
    def _connection(self) -> Any:
        given = self.connection
        return current_runtime.get().connection if given is None else given

    def get(self, *path: Any, **query: Any) -> Response:
        """Ask for a path, whose parts are joined by ``/``.

        Raises:
            APIException: the response was resolved to failure.
            RequestError: there was no response.
        """
        return self.send(
            Request(
                "/".join(
                    str(part).strip("/") if i else str(part).rstrip("/")
                    for i, part in enumerate(path)
                ),
                query,
            )
        )

    def post(self, *path: Any, json: Any = None, **query: Any) -> Response:
        """Ask for a path with a JSON body.

        Raises:
            APIException: the response was resolved to failure.
            RequestError: there was no response.
        """
        return self.send(
            Request(
                joined(path) if len(path) > 1 else str(path[0]), query, method="POST", json=json
            )
        )

    def send(self, request: Request) -> Response:
        """Send a request: hooks, transport, resolution, then paging.

        Returns:
            The response, a ``PagedResponse`` where it is a page; None if a hook aborted it.

        Raises:
            APIException: the response was resolved to failure.
            RequestError: there was no response.
        """
        response = self._exchange(request)
        if response is ABORT:
            return cast("Response", None)
        paginator = self.paginator
        if paginator is not None and _is_page(paginator, response):
            return PagedResponse(response, paginator, self)
        return cast("Response", response)

    def pages(
        self,
        request: Request,
        *,
        records: str | None = None,
        paginator: Paginator | None = None,
        start_token: Any = None,
    ) -> Iterator[Page]:
        """Yield the pages that a request leads to.

        Args:
            request: the first request.
            records: a JSON pointer to a page's records; the paginator's items where left out.
            paginator: how pages follow each other; the API's where left out.
            start_token: where to go on, as a page before said; None to begin.
        """
        paginator = paginator or self.paginator
        token = start_token
        while True:
            asked = request.copy()
            if token is not None and paginator is not None:
                paginator.set_next_page_param(asked, token)
            response = self._exchange(asked)
            if response is ABORT:
                return
            found = _records(response, records, paginator)
            token = None if paginator is None else paginator.get_next_page_id(response)
            yield Page(response.request, response, found, token)
            if token is None:
                return

    def _exchange(self, request: Request) -> Any:
        """Send a request until its response is accepted; return it or ABORT."""
        runtime = current_runtime.get()
        for attempt in range(1, TRIES + 1):
            runtime.check_cancelled()
            try:
                call, resolution = self._attempt(request, attempt)
            except Truncated as error:
                if attempt == TRIES:
                    message = f"{error} (tried {TRIES} times)"
                    raise RequestError(message, request=error.request, hint=_NO_ANSWER) from None
                runtime.count("retries")
                runtime.pause(backoff(attempt, self.retry_seconds), str(error))
                continue
            if resolution is None or call.response is None:
                return ABORT
            if resolution.action is Action.ACCEPT:
                return call.response
            wait = self._wait(call.response, resolution, attempt)
            if wait is None or attempt == TRIES or wait > LONGEST_WAIT:
                raise failure(call.response, resolution, retry_time(wait) if wait else None)
            runtime.count("retries")
            runtime.pause(wait, resolution.reason or f"status {call.response.status}")
        raise AssertionError

    def _wait(self, response: Response, resolution: Resolution, attempt: int) -> float | None:
        """Return the seconds to wait before the next try; None where there is none."""
        if resolution.action not in {Action.RETRY, Action.RATE_LIMITED}:
            return None
        if resolution.wait is not None:
            return resolution.wait
        asked = retry_after(response.headers)
        if asked is not None:
            return asked
        limited = resolution.action is Action.RATE_LIMITED
        return UNKNOWN_LIMIT if limited else backoff(attempt, self.retry_seconds)

    def _attempt(self, request: Request, attempt: int) -> tuple[Call, Resolution | None]:
        """Send a request once, from a pristine copy; return what is to be done with the answer."""
        runtime = current_runtime.get()
        asked = request.copy()
        asked.url = self._absolute(asked.url)
        for hook in hooks_of(self, REQUEST):
            given = hook(asked)
            if given is ABORT:
                return Call(asked), None
            asked = given if isinstance(given, Request) else asked
        connection = self._connection
        call = Call(
            asked,
            plugin=runtime.plugin,
            stream=runtime.stream,
            connection=str(getattr(connection, "name", "") or ""),
            attempt=attempt,
            purpose=runtime.purpose,
        )
        runtime.before_request(call)
        sent = call.request.copy()
        if self.auth is not None:
            self.auth.authenticate(sent, connection)
        runtime.count("requests")
        call.response = self._transport.send(sent, call.request)
        runtime.after_response(call)
        resolution = self._authors_view(call)
        if resolution is ABORT:
            return call, None
        resolution = resolution or runtime.resolve_response(call)
        return call, resolution or self._default(call.response)

    def _authors_view(self, call: Call) -> Any:
        """Run the author's response hooks; return the first resolution that one gives."""
        resolution: Resolution | None = None
        for hook in hooks_of(self, RESPONSE):
            try:
                given = hook(call.response)
            except APIException as error:
                given = Resolution.fail(str(error), exit_code=error.exit_code, hint=error.hint)
            if given is ABORT:
                return ABORT
            if isinstance(given, Resolution):
                resolution = resolution or given
            elif isinstance(given, Response):
                call.response = given
        return resolution

    def _default(self, response: Response) -> Resolution:
        resolution = default_resolution(response)
        if resolution.action is Action.ACCEPT and _broken_json(response):
            return Resolution.retry("the body broke off")
        return resolution

    def _absolute(self, url: str) -> str:
        if urlsplit(url).scheme:
            return url
        base = self.base_url or getattr(self._connection, "endpoint", None)
        if not base:
            message = f"no address for {url!r}"
            raise ConfigError(message, hint="give the API base_url, or the connection endpoint")
        return f"{str(base).rstrip('/')}/{url.lstrip('/')}"


def _broken_json(response: Response) -> bool:
    """Return whether a body that says it is JSON is none: most likely it was cut off."""
    if "json" not in response.headers.get("Content-Type", "") or not response.body:
        return False
    if response.body.rstrip()[-1:] in b"}]":
        return False  # whole, or broken in a way that another try does not mend
    try:
        return response.json is ABORT
    except ValueError:
        return True


def _is_page(paginator: Paginator, response: Response) -> bool:
    try:
        return paginator.get_items(response) is not None
    except ValueError:
        return False  # no JSON: the author may want it all the same


def _records(response: Response, pointer: str | None, paginator: Paginator | None) -> list[Any]:
    """Return a page's records.

    Raises:
        RecordError: the response is no JSON.
    """
    try:
        if pointer is not None:
            return items_at(response.json, pointer)
        items = None if paginator is None else paginator.get_items(response)
        if items is not None:
            return items
        body = response.json
    except ValueError as error:
        start = response.body[:80].decode("utf-8", "replace")
        kind = response.headers.get("Content-Type", "no content type")
        message = f"{response.request.url}: no JSON but {kind} ({error}); it begins: {start!r}"
        raise RecordError(message) from None
    if body is None:
        return []
    return body if isinstance(body, list) else [body]
