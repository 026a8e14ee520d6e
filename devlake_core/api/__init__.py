"""Ask the tool: requests, responses, hooks, resolution, paging."""

from . import auth, paginators
from .client import API
from .hooks import ABORT, request_hook, response_hook
from .paginators import Paginator, TokenPaginator
from .paging import Page, PagedResponse
from .request import Request
from .resolution import Action, Resolution, Skipped
from .response import Response
from .runtime import Call, NullRuntime, Runtime, current_runtime

__all__ = [
    "ABORT",
    "API",
    "Action",
    "Call",
    "NullRuntime",
    "Page",
    "PagedResponse",
    "Paginator",
    "Request",
    "Resolution",
    "Response",
    "Runtime",
    "Skipped",
    "TokenPaginator",
    "auth",
    "current_runtime",
    "paginators",
    "request_hook",
    "response_hook",
]
