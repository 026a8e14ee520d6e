"""Paginators: where a page's items are, and how the next page is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.errors import RecordError

if TYPE_CHECKING:
    from .request import Request
    from .response import Response


class Paginator:
    """Find a page's items and the next page; the base of an author's own."""

    def get_items(self, response: Response) -> list[Any] | None:
        """Return the items of a page; None where the response is not paginated."""
        raise NotImplementedError

    def get_next_page_id(self, response: Response) -> Any:
        """Return what names the next page, as JSON takes it; None after the last page."""
        raise NotImplementedError

    def set_next_page_param(self, request: Request, next_page_id: Any) -> None:
        """Change a copy of the first request so that it asks for the next page."""
        raise NotImplementedError


class TokenPaginator(Paginator):
    """Follow a token: the page holds the items and the next page's token.

    Args:
        items_attr: the property that holds the items.
        next_page_token_attr: the property that holds the next page's token; without it, or with
            null or ``""`` there, the page is the last one.
        next_page_token_param: the query argument that takes the token.
    """

    def __init__(
        self, items_attr: str, next_page_token_attr: str, next_page_token_param: str
    ) -> None:
        self.items_attr = items_attr
        self.next_page_token_attr = next_page_token_attr
        self.next_page_token_param = next_page_token_param

    def get_items(self, response: Response) -> list[Any] | None:
        """Return the items; None where the response is no object with that property."""
        body = response.json
        if not isinstance(body, dict) or self.items_attr not in body:
            return None
        items = body[self.items_attr]
        if items is None:
            return []
        if not isinstance(items, list):
            message = f"{self.items_attr!r} of {response.request.url} is no list"
            raise RecordError(message)
        return items

    def get_next_page_id(self, response: Response) -> Any:
        """Return the next page's token."""
        body = response.json
        token = body.get(self.next_page_token_attr) if isinstance(body, dict) else None
        return None if token == "" else token

    def set_next_page_param(self, request: Request, next_page_id: Any) -> None:
        """Put the token into the query."""
        request.query_args[self.next_page_token_param] = next_page_id
