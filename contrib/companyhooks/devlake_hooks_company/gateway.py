"""The key that the company's gateway wants, for its own hosts alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import devlake_core as dl


@dataclass(frozen=True)
class Gateway:
    """Know which hosts are behind the gateway, and its key.

    Attributes:
        key: the key; without one nothing is added.
        hosts: host names; one that begins with a dot stands for all below it.
        header: the header that carries the key.
    """

    key: str
    hosts: tuple[str, ...]
    header: str = "X-Gateway-Key"

    @classmethod
    def from_environment(cls) -> Gateway:
        """Read the settings."""
        hosts = os.environ.get("COMPANY_GATEWAY_HOSTS", "").lower()
        return cls(
            key=os.environ.get("COMPANY_GATEWAY_KEY", ""),
            hosts=tuple(host.strip() for host in hosts.split(",") if host.strip()),
            header=os.environ.get("COMPANY_GATEWAY_HEADER") or cls.header,
        )

    def serves(self, url: str) -> bool:
        """Say whether a URL's host is behind the gateway."""
        host = urlsplit(url).hostname or ""
        return any(
            host == known or (known.startswith(".") and host.endswith(known))
            for known in self.hosts
        )

    def sign(self, request: dl.Request) -> None:
        """Add the key to a request for one of the company's hosts."""
        if self.key and self.serves(request.url):
            request.headers[self.header] = self.key
