"""The gateway's maintenance page, which comes in place of the tool's answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import devlake_core as dl

if TYPE_CHECKING:
    from devlake_core import Response

MOST = 64 * 1024
"""No maintenance page is longer; what is longer is an answer of the tool."""


@dataclass(frozen=True)
class Maintenance:
    """Recognise the page, and say how long to wait.

    Attributes:
        text: what the page says, in lower case.
        seconds: how long to wait where it does not say.
    """

    text: str = "scheduled maintenance"
    seconds: float = 60.0

    @classmethod
    def from_environment(cls) -> Maintenance:
        """Read the settings."""
        text = os.environ.get("COMPANY_MAINTENANCE_TEXT", "").lower()
        seconds = os.environ.get("COMPANY_MAINTENANCE_SECONDS", "")
        return cls(text or cls.text, float(seconds or cls.seconds))

    def resolve(self, response: Response) -> dl.Resolution | None:
        """Return "wait and ask again" for the page, and None for an answer of the tool."""
        kind = response.headers.get("Content-Type", "")
        if "html" not in kind.lower() or len(response.body) > MOST:
            return None
        if self.text.encode() not in response.body.lower():
            return None
        return dl.Resolution.rate_limited("the gateway is under maintenance", wait=self.seconds)
