"""The audit trail: a line of JSON for each response and each verb of a stream."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger("devlake.audit")


class Audit:
    """Write who asked whom for what, and how it went; never a query, a header or a body."""

    def __init__(self, file: str = "") -> None:
        self._file = Path(file).absolute() if file else None

    @classmethod
    def from_environment(cls) -> Audit:
        """Read the settings."""
        return cls(os.environ.get("COMPANY_AUDIT_FILE", ""))

    def write(self, event: str, **facts: Any) -> None:
        """Write one line."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, "event": event, **facts}, ensure_ascii=False)
        if self._file is None:
            log.info("%s", line)
            return
        # One write with O_APPEND: lines of several processes do not mix.
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def place_of(url: str) -> str:
    """Return a URL without user, query and fragment, where secrets travel."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
