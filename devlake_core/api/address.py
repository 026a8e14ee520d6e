"""Look at URLs and headers before they are used."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from devlake_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PORTS = {"http": 80, "https": 443}
# Machines in a cloud learn their own credentials there; no tool lives at such an address.
_METADATA = {"fd00:ec2::254"}


def is_absolute(url: str) -> bool:
    """Return whether a URL names its scheme and host."""
    return _ABSOLUTE.match(url) is not None


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port.

    Raises:
        ConfigError: the URL is none.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        message = f"{without_query(url)!r} is no URL"
    raise ConfigError(message)


def without_query(url: str) -> str:
    """Return a URL as it may be shown: without user, query and fragment, where secrets travel."""
    start, slashes, rest = url.partition("?")[0].partition("#")[0].partition("://")
    if not slashes:
        return start
    host, slash, path = rest.partition("/")
    return f"{start}://{host.rpartition('@')[2]}{slash}{path}"


def check(url: str, headers: Mapping[str, str]) -> None:
    """Refuse what must not go out.

    Raises:
        ConfigError: the URL or a header.
    """
    scheme, host, _ = origin(url)
    if scheme not in {"http", "https"} or not host:
        message = f"{without_query(url)!r} is no URL of a tool"
        raise ConfigError(message, hint="it must begin with http:// or https:// and name a host")
    if "@" in urlsplit(url).netloc:
        message = f"credentials in the URL of {host} are not sent"
        raise ConfigError(message, hint="put them into fields of the connection")
    if _is_metadata(host):
        message = f"{host} is a link-local address, which is never asked"
        raise ConfigError(message)
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            message = f"{name!r} is no name of a header"
            raise ConfigError(message)
        if value != value.strip() or any(c in value for c in "\r\n\0"):
            message = f"the header {name!r} holds a line break, or space at an end"
            raise ConfigError(message, hint="a token that was read from a file often ends so")
        if not value.isascii() and any(ord(c) > 255 for c in value):
            message = f"the header {name!r} holds a character that no header can carry"
            raise ConfigError(message)


def _is_metadata(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False  # a name
    return address.is_link_local or str(address) in _METADATA
