"""What a tool answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .request import Request

_UNREAD: Any = object()


class Headers(dict[str, str]):
    """Hold headers whose names are the same in upper and lower case."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        super().__init__({name.lower(): value for name, value in (given or {}).items()})

    def __getitem__(self, name: str) -> str:
        """Return a header's value."""
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        """Return whether there is a header."""
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header's value, or the default."""
        return super().get(name.lower(), default)


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
        self._json: Any = _UNREAD

    @property
    def json(self) -> Any:
        """Return the body as JSON; NaN and infinities are refused.

        Raises:
            ValueError: the body is no JSON.
        """
        if self._json is _UNREAD:
            self._json = from_json(self.body, allow_inf_nan=False) if self.body else None
        return self._json

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode("utf-8", "replace")

    def get_url_with_query_string(self) -> str:
        """Return the URL that was asked, with its query."""
        return self.request.get_url_with_query_string()

    def __repr__(self) -> str:
        """Return status and size, without the body."""
        return f"Response({self.status}, {len(self.body)} bytes, {self.request!r})"
