"""The client: what authors call, and pages with a token to go on from."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from devlake_core.errors import ConfigError

from .address import is_absolute
from .exchange import exchange
from .hooks import ABORT
from .paging import Page, PagedResponse, no_json, readable, records_of, token_of
from .request import Request
from .runtime import current_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .auth import Authenticator
    from .paginators import Paginator
    from .response import Response


class API:
    """Ask one tool; the base of an author's client.

    A subclass needs no ``__init__``, and one that does not call ``super().__init__()`` works
    too: what is not given is that of the run.

    Class attributes:
        base_url: what relative URLs are joined to; the connection's ``endpoint`` where left out.
        paginator: how pages follow each other, or the name of a registered one; None where the
            tool does not page.
        auth: what puts the connection's credentials into a request.
        check: the path that ``test_connection`` asks.
        retry_seconds: the base of the waits between tries.
    """

    base_url: str | None = None
    paginator: Paginator | str | None = None
    auth: Authenticator | None = None
    check: str | None = None
    retry_seconds: float = 0.5

    def __init__(self, connection: Any = None) -> None:
        self.connection = connection

    @property
    def connection(self) -> Any:
        """Return the connection that was given, else that of the run."""
        given = self.__dict__.get("connection")
        return current_runtime.get().connection if given is None else given

    @connection.setter
    def connection(self, value: Any) -> None:
        self.__dict__["connection"] = value

    @property
    def proxy(self) -> str | None:
        """Return the connection's proxy."""
        value = getattr(self.connection, "proxy", None)
        return str(value) if value else None

    @property
    def session(self) -> Any:
        """Return the session of ``requests`` that this thread uses."""
        from .transport import transport_for

        return transport_for(self.connection, self.proxy).session

    @property
    def address(self) -> str | None:
        """Return what relative URLs are joined to: ``base_url``, else the ``endpoint``."""
        base = self.base_url or getattr(self.connection, "endpoint", None)
        return str(base) if base else None

    def absolute(self, url: str) -> str:
        """Return a URL with scheme and host.

        Raises:
            ConfigError: it is relative, and there is no address to join it to.
        """
        if is_absolute(url):
            return url
        base = self.address
        if base is None:
            message = f"no address for {url!r}"
            raise ConfigError(message, hint="give the API base_url, or the connection endpoint")
        return f"{base.rstrip('/')}/{url.lstrip('/')}"

    def get(self, /, *path: Any, **query: Any) -> Response:
        """Ask for a path, whose parts are joined by ``/``.

        Raises:
            APIException: the response was resolved to failure.
            RequestError: there was no response.
        """
        return self.send(Request(_path(path), query))

    def post(self, /, *path: Any, json: Any = None, **query: Any) -> Response:
        """Ask for a path with a JSON body.

        Raises:
            APIException: the response was resolved to failure.
            RequestError: there was no response.
        """
        return self.send(Request(_path(path), query, method="POST", json=json))

    def send(self, request: Request) -> Response:
        """Send a request: hooks, transport, resolution, then paging.

        Returns:
            The response, a ``PagedResponse`` where it is a page; ``ABORT`` where a hook said so.

        Raises:
            APIException: the response was resolved to failure.
            RequestError: there was no response.
        """
        response = exchange(self, request)
        paginator = _made(self.paginator)
        if paginator is None or response is ABORT or isinstance(response, PagedResponse):
            return cast("Response", response)
        try:
            page = readable(response)
        except ValueError:
            return cast("Response", response)  # no JSON: the author may want it all the same
        # An author's own may fail on what is no page. Who iterates over it all the same meets that.
        with suppress(AttributeError, LookupError, TypeError):
            if paginator.get_items(page) is None:
                return cast("Response", response)
        return PagedResponse(page, paginator, self, request)

    def pages(
        self,
        request: Request,
        *,
        records: str | None = None,
        paginator: Paginator | str | None = None,
        start_token: Any = None,
    ) -> Iterator[Page]:
        """Yield the pages that a request leads to.

        Args:
            request: the first request.
            records: a JSON pointer to a page's records; the paginator's items where left out.
            paginator: how pages follow each other; the API's where left out.
            start_token: where to go on, as a page before said; None to begin.

        Raises:
            APIException: a response was resolved to failure, or is no JSON.
            RequestError: there was no response.
        """
        paginator = _made(paginator or self.paginator)
        token = start_token
        while True:
            asked = request.copy()
            if token is not None and paginator is not None:
                paginator.set_next_page_param(asked, token)
            response = exchange(self, asked, page=True)
            if response is ABORT:
                return
            try:
                page = readable(response)
            except ValueError:
                raise no_json(response) from None
            found = records_of(page, records, paginator, first=token is None)
            token = None
            if paginator is not None and page.body:
                token = token_of(page, paginator)
            yield Page(response.request, page, found, token)
            if token is None:
                return


def _path(parts: tuple[Any, ...]) -> str:
    """Return parts joined by one ``/`` each; slashes at both ends stay."""
    texts = [str(part) for part in parts]
    texts[:-1] = [text.rstrip("/") for text in texts[:-1]]
    texts[1:] = [text.lstrip("/") for text in texts[1:]]
    return "/".join(texts)


def _made(paginator: Paginator | str | None) -> Paginator | None:
    """Return a paginator; a name was put in its place when the plugin was loaded."""
    if isinstance(paginator, str):
        message = f"the paginator {paginator!r} is known by its name alone"
        hint = "names are looked up in the class attributes of a plugin that is loaded as such"
        raise ConfigError(message, hint=hint)
    return paginator
