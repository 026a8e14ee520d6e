"""Requests, responses, hooks and paging."""

from __future__ import annotations

from devlake_core.api import (
    ABORT,
    API,
    PagedResponse,
    Paginator,
    Request,
    Response,
    TokenPaginator,
    request_hook,
    response_hook,
)
from devlake_core.errors import APIException

__all__ = [
    "ABORT",
    "API",
    "APIException",
    "PagedResponse",
    "Paginator",
    "Request",
    "Response",
    "TokenPaginator",
    "request_hook",
    "response_hook",
]
