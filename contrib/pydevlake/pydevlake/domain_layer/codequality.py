"""What code scanners find."""

from __future__ import annotations

from devlake_core.domain import codequality
from devlake_core.domain.codequality import *  # noqa: F403 - for type checkers

from .mapped import mapped

globals().update(mapped(codequality, __name__))
