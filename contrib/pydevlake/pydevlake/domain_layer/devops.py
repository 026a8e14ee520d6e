"""Pipelines, deployments and releases."""

from __future__ import annotations

from devlake_core.domain import devops
from devlake_core.domain.devops import *  # noqa: F403 - for type checkers

from .mapped import mapped

globals().update(mapped(devops, __name__))
