"""Authenticators: they put credentials into a request, nearest the wire, after all hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from devlake_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .request import Request


class Authenticator:
    """Put credentials into a request; the base of all.

    Attributes:
        hosts: names of hosts that get the credentials too, besides that of ``base_url`` or of
            the connection's ``endpoint``. Another host, to which data may lead, gets none.
    """

    hosts: frozenset[str] = frozenset()

    def authenticate(self, request: Request, connection: Any) -> None:
        """Change the request in place; it is a copy that nobody else sees."""
        raise NotImplementedError


def credential(connection: Any, field: str) -> str | None:
    """Return the text of a connection's field; None where it has no value.

    Raises:
        ConfigError: the connection has no such field.
    """
    if not hasattr(connection, field):
        message = f"the connection has no field {field!r}, which the API's `auth` names"
        raise ConfigError(message)
    value = getattr(connection, field)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return None if value is None else str(value)


class APIKey(Authenticator):
    """Send a key in a header or in the query.

    Args:
        header: the header's name.
        query: the query argument's name, where the tool takes it there.
        field: the field of the connection that holds the key.
        prefix: what stands before the key in the header, such as ``"token "``.
        hosts: names of further hosts that get the key.
    """

    def __init__(
        self,
        *,
        header: str | None = None,
        query: str | None = None,
        field: str,
        prefix: str = "",
        hosts: Iterable[str] = (),
    ) -> None:
        if (header is None) == (query is None):
            message = "APIKey takes one of header= and query="
            raise TypeError(message)
        self._header = header
        self._query = query
        self._field = field
        self._prefix = prefix
        self.hosts = frozenset(host.lower() for host in hosts)

    def authenticate(self, request: Request, connection: Any) -> None:
        """Put the key where the tool looks for it."""
        key = credential(connection, self._field)
        if key is None:
            return
        if self._header is not None:
            request.headers[self._header] = self._prefix + key
        elif self._query is not None:
            request.query_args[self._query] = key
