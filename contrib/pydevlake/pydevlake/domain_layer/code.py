"""Commits, pull requests, refs and repositories."""

from __future__ import annotations

from devlake_core.domain import code
from devlake_core.domain.code import *  # noqa: F403 - for type checkers

from .mapped import mapped

globals().update(mapped(code, __name__))
