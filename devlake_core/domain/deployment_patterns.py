"""The part of a scope config that tells deployments from other runs."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from devlake_core.model import ToolTable


class CICDType(StrEnum):
    """Name what a run is for."""

    TEST = "TEST"
    LINT = "LINT"
    BUILD = "BUILD"
    DEPLOYMENT = "DEPLOYMENT"


class CICDEnvironment(StrEnum):
    """Name the environments that DevLake's dashboards know."""

    PRODUCTION = "PRODUCTION"
    STAGING = "STAGING"
    TESTING = "TESTING"


def _empty_is_none(value: Any) -> Any:
    # A form sends the empty text for a field that was left out; as a pattern it would fit all.
    return None if value == "" else value


def _valid(pattern: str | None) -> str | None:
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as fault:
            message = f"{pattern!r} is no regular expression: {fault}"
            raise ValueError(message) from None
    return pattern


Pattern = Annotated[str | None, BeforeValidator(_empty_is_none), AfterValidator(_valid)]

_compiled = lru_cache(maxsize=256)(re.compile)


def _found(pattern: str, names: tuple[str | None, ...]) -> bool:
    search = _compiled(pattern).search
    return any(name is not None and search(name) for name in names)


class DeploymentPatterns(ToolTable):
    """Tell by name which runs are deployments, and which of them go to production.

    A scope config takes it as a further base::

        class ForgeConfig(devops.DeploymentPatterns, dl.ScopeConfig): ...

    Attributes:
        deployment_pattern: found in the name of a run or job that deploys; without it none does.
        production_pattern: found in the name of one that goes to production; without it all do.
        environment_pattern: found in the tool's own name of an environment that is production.
    """

    deployment_pattern: Pattern = None
    production_pattern: Pattern = None
    environment_pattern: Pattern = None

    def cicd_type(self, *names: str | None) -> CICDType | None:
        """Return DEPLOYMENT if the pattern is found in one of the names, else None."""
        if self.deployment_pattern and _found(self.deployment_pattern, names):
            return CICDType.DEPLOYMENT
        return None

    def environment(
        self, *names: str | None, environment: str | None = None
    ) -> CICDEnvironment | None:
        """Return PRODUCTION if the names say so, else None.

        Args:
            *names: the names of the run, its job or its branch.
            environment: what the tool calls the environment, where it has a name for it.
        """
        if environment and self.environment_pattern:
            production = _found(self.environment_pattern, (environment,))
        else:
            production = not self.production_pattern or _found(self.production_pattern, names)
        return CICDEnvironment.PRODUCTION if production else None
