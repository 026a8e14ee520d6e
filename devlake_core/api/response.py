"""What a tool answered."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .request import Request

_BOM = b"\xef\xbb\xbf"
_UNREAD: Any = object()


class Headers(MutableMapping[str, str]):
    """Hold headers whose names are the same in upper and lower case."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self._pairs = {name.lower(): (name, value) for name, value in (given or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._pairs[name.lower()][1]

    def __setitem__(self, name: str, value: str) -> None:
        self._pairs[name.lower()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self._pairs[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs.values())

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        """Return the names alone: a cookie among the values is a secret."""
        return f"Headers({', '.join(self)})"


class Response:
    """Be one response.

    Attributes:
        request: the request after all hooks, without the authenticator's credentials.
        status: the HTTP status.
        body: the body, decoded from its transfer encoding.
        headers: the headers; their names are the same in upper and lower case.
    """

    def __init__(
        self,
        request: Request,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.request = request
        self.status = status
        self.body = body
        self.headers = Headers(headers)
        self._json: Any = None
        self._read: Any = _UNREAD

    @property
    def json(self) -> Any:
        """Return the body as JSON, None where it is empty; NaN and infinities are refused.

        Raises:
            ValueError: the body is no JSON.
        """
        # A hook may assign another body, before or after somebody has read this one.
        if self._read is not self.body:
            body = self.body.removeprefix(_BOM)
            self._json = from_json(body, allow_inf_nan=False) if body else None
            self._read = self.body
        return self._json

    def with_json(self, value: Any) -> Response:
        """Return a copy whose body counts as read to a value."""
        other = Response(self.request, self.status, self.body, self.headers)
        other._json, other._read = value, self.body
        return other

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode("utf-8", "replace")

    def __iter__(self) -> Iterator[Any]:
        """Fail: a ``PagedResponse`` yields its items, and this is none.

        It stands here for type checkers: whether ``api.get()`` gives a page, only the answer tells.

        Raises:
            TypeError: always.
        """
        message = (
            f"{self!r} is no page, so there is nothing to iterate over: the API has no paginator, "
            "or its paginator finds no items in this answer"
        )
        raise TypeError(message)

    def get_url_with_query_string(self) -> str:
        """Return the URL that was asked, with its query."""
        return self.request.get_url_with_query_string()

    def __repr__(self) -> str:
        """Return status and size, without the body."""
        return f"Response({self.status}, {len(self.body)} bytes, {self.request!r})"
