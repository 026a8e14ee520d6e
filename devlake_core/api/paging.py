"""Walking through pages: item by item for authors, page by page for checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, to_json

from .response import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .client import API
    from .paginators import Paginator
    from .request import Request


class PagedResponse(Response):
    """Be the response of a page, and iterate over the items of this and all later pages."""

    def __init__(self, response: Response, paginator: Paginator, api: API) -> None:
        super().__init__(response.request, response.status, response.body, response.headers)
        self._paginator = paginator
        self._api = api
        self._token: Any = paginator.get_next_page_id(self)

    @property
    def items(self) -> list[Any]:
        """Return the items of this page."""
        return self._paginator.get_items(self) or []

    @property
    def next_page_id(self) -> Any:
        """Return what names the next page; None on the last one."""
        return self._token

    @property
    def next_page_request(self) -> Request | None:
        """Return the request for the next page; None on the last one."""
        if self._token is None:
            return None
        request = self.request.copy()
        self._paginator.set_next_page_param(request, self._token)
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
        """Yield each record as JSON text.

        A record with a lone surrogate keeps it as an escape: it is that record's own problem.
        """
        for record in self.records:
            yield as_json(record)


def as_json(value: Any) -> bytes:
    """Return a value as compact JSON text; what UTF-8 cannot say is kept as an escape."""
    try:
        return to_json(value, inf_nan_mode="constants")
    except (PydanticSerializationError, UnicodeEncodeError):
        import json

        return json.dumps(value, default=str).encode()
