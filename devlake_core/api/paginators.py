"""Paginators: where a page's items are, and how the next page is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.errors import RecordError
from devlake_core.model.pointer import MISSING, find, parts_of

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

    Where something is in the page is said by a property's name, by names with dots between them
    (``"meta.next"``) or by a JSON pointer (``"/meta/next"``).

    Args:
        items_attr: where the items are.
        next_page_token_attr: where the next page's token is; without it, or with null, ``false``
            or ``""`` there, the page is the last one. ``0`` is a token.
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
        items = _at(response.json, self.items_attr)
        if items is MISSING:
            return None
        if items is None:
            return []
        if not isinstance(items, list):
            message = f"{self.items_attr!r} of {response.request.url} is no list"
            raise RecordError(message)
        return items

    def get_next_page_id(self, response: Response) -> Any:
        """Return the next page's token."""
        token = _at(response.json, self.next_page_token_attr)
        return None if token is MISSING or token is False or token == "" else token

    def set_next_page_param(self, request: Request, next_page_id: Any) -> None:
        """Put the token into the query."""
        request.query_args[self.next_page_token_param] = next_page_id


def _at(body: Any, place: str) -> Any:
    """Return what is in a place of an object, or MISSING."""
    if not isinstance(body, dict):
        return MISSING
    if place in body:  # a name may hold dots of its own
        return body[place]
    return find(body, parts_of(place) if place.startswith("/") else place.split("."))
