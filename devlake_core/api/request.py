"""What is asked of a tool."""

from __future__ import annotations

from copy import copy, deepcopy
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Request:
    """Be one request, before it is sent.

    Args:
        url: a path, an absolute URL, or a list of path parts, each of which is percent-encoded.
        query_args: the query; a None is left out, a datetime is written as ISO 8601 in UTC, a
            list gives its name once for each item.
        headers: the headers.
        method: the HTTP method. A stream's requests are reads, whatever their method.
        json: a body, sent as JSON.
        data: a body, sent as it is.
    """

    def __init__(
        self,
        url: str | Iterable[Any],
        query_args: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        json: Any = None,
        data: bytes | None = None,
    ) -> None:
        self.url = url if isinstance(url, str) else joined(url)
        self.query_args: dict[str, Any] = dict(query_args or {})
        self.headers: dict[str, str] = dict(headers or {})
        self.method = method.upper()
        self.json = json
        self.data = data

    def copy(self) -> Self:
        """Return a copy that shares nothing that can be changed."""
        other = copy(self)
        other.query_args = deepcopy(self.query_args)
        other.headers = dict(self.headers)
        other.json = deepcopy(self.json)
        return other

    def get_url_with_query_string(self) -> str:
        """Return the URL as it is asked, with its query."""
        pairs = query_pairs(self.query_args)
        if not pairs:
            return self.url
        url, mark, fragment = self.url.partition("#")
        glue = "&" if urlsplit(url).query else "?"
        query = urlencode(pairs, quote_via=quote, safe="")
        return f"{url.removesuffix('?')}{glue}{query}{mark}{fragment}"

    def __repr__(self) -> str:
        """Return method and URL, without query and headers: they may hold secrets."""
        return f"Request({self.method} {self.url.partition('?')[0]})"


def joined(parts: Iterable[Any]) -> str:
    """Return path parts as a path, each part percent-encoded as a whole.

    Raises:
        ValueError: a part is None or one of ``.`` and ``..``, which would lead somewhere else.
    """
    texts = list(parts)
    if any(part is None or str(part) in {".", ".."} for part in texts):
        message = f"no path can be made of {texts!r}"
        raise ValueError(message)
    return "/".join(quote(str(part), safe="") for part in texts)


def query_pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a query as pairs of text; a None is left out, falsy values are kept."""
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        values = value if isinstance(value, list | tuple | set) else (value,)
        pairs += [(name, _text(item)) for item in values if item is not None]
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
