"""Boards, issues, sprints and incidents."""

from __future__ import annotations

from devlake_core.domain import ticket
from devlake_core.domain.ticket import *  # noqa: F403 - for type checkers

from .mapped import mapped

globals().update(mapped(ticket, __name__))
