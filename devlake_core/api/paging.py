"""Walking through pages: item by item for authors, page by page for checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from devlake_core.errors import APIException
from devlake_core.model.pointer import items_at

from . import lenient
from .response import Response
from .verbatim import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .client import API
    from .paginators import Paginator
    from .request import Request


class PagedResponse(Response):
    """Be the response of a page, and iterate over the items of this and all later pages.

    Args:
        response: the page.
        paginator: how pages follow each other.
        api: the client that asks for the next page.
        origin: the request as it was before any hook saw it, from which the next one is made.
    """

    def __init__(
        self, response: Response, paginator: Paginator, api: API, origin: Request | None = None
    ) -> None:
        super().__init__(response.request, response.status, response.body, response.headers)
        self._json, self._read = response._json, response._read
        self._paginator = paginator
        self._api = api
        self._origin = origin or response.request

    @cached_property
    def items(self) -> list[Any]:
        """Return the items of this page."""
        return self._paginator.get_items(self) or []

    @cached_property
    def next_page_id(self) -> Any:
        """Return what names the next page; None on the last one."""
        return token_of(self, self._paginator)

    @cached_property
    def next_page_request(self) -> Request | None:
        """Return the request for the next page; None on the last one."""
        if self.next_page_id is None:
            return None
        request = self._origin.copy()
        self._paginator.set_next_page_param(request, self.next_page_id)
        return request

    def __iter__(self) -> Iterator[Any]:
        """Yield the items of all pages, asking for a page when it is reached."""
        page: Any = self
        while isinstance(page, PagedResponse):
            yield from page.items
            request = page.next_page_request
            page = None if request is None else self._api.send(request)


@dataclass
class Page:
    """Be one page of records.

    Attributes:
        request: the request that it answers.
        response: the response.
        records: the decoded records.
        next_token: what names the next page, as JSON takes it; None on the last page.
    """

    request: Request
    response: Response
    records: list[Any]
    next_token: Any

    def raw_records(self) -> Iterator[bytes]:
        """Yield each record as JSON text, as it came where it is found in the body.

        A record that is no strict JSON (a lone surrogate, NaN) stays so: a strict reader refuses
        it, and it alone.
        """
        return texts(self.response.body, self.response.json, self.records)


def token_of(page: Response, paginator: Paginator) -> Any:
    """Return what names the page after one; None after the last one."""
    token = paginator.get_next_page_id(page)
    # An author's own says in any such way that there is none; 0 is a page.
    return token if token or type(token) is int else None


def readable(response: Response) -> Response:
    """Return the response, or a copy that reads as JSON in spite of a bad record in it.

    Raises:
        ValueError: the body is broken as a whole, or no JSON.
    """
    try:
        response.json  # noqa: B018 - it reads and keeps the body
    except ValueError:
        return response.with_json(lenient.read(response.body))
    return response


def records_of(
    response: Response, pointer: str | None, paginator: Paginator | None, *, first: bool
) -> list[Any]:
    """Return a page's records.

    Args:
        response: the page, readable.
        pointer: a JSON pointer to the records; the paginator's items where left out.
        paginator: how pages follow each other.
        first: whether it is the first page. What has no items there is not paginated: a list of
            records, or one. A later page without them is empty.
    """
    body = response.json
    if pointer is not None:
        return items_at(body, pointer)
    items = None if paginator is None else paginator.get_items(response)
    if items is not None:
        return items
    if body is None or not first:
        return []
    return body if isinstance(body, list) else [body]


def no_json(response: Response) -> APIException:
    """Return the error of a page that is none."""
    url, start = response.request.url.partition("?")[0], response.text[:80]
    kind = response.headers.get("Content-Type", "no content type")
    message = f"{response.request.method} {url}: no JSON but {kind}; it begins: {start!r}"
    return APIException(response, message)
