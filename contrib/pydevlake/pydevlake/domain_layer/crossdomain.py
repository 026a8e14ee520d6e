"""People and teams, and what links the other domains."""

from __future__ import annotations

from devlake_core.domain import crossdomain
from devlake_core.domain.crossdomain import *  # noqa: F403 - for type checkers

from .mapped import mapped

globals().update(mapped(crossdomain, __name__))
