"""Which runs are deployments, by the patterns of a scope config."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from devlake_core.domain import devops
from devlake_core.domain.devops import CICDEnvironment, CICDType
from devlake_core.model import ScopeConfig
from devlake_core.model.types import LongText


class ForgeConfig(devops.DeploymentPatterns, ScopeConfig):
    points_field: str | None = None


def config(**values: Any) -> ForgeConfig:
    return ForgeConfig(**values)


def test_without_a_pattern_nothing_is_a_deployment() -> None:
    assert config().cicd_type("deploy") is None


def test_any_of_the_names_may_fit() -> None:
    patterns = config(deployment_pattern="(?i)deploy")
    assert patterns.cicd_type("build", "Deploy to eu") is CICDType.DEPLOYMENT
    assert patterns.cicd_type("build", None) is None
    assert patterns.cicd_type() is None


def test_without_a_pattern_everything_goes_to_production() -> None:
    assert config().environment("whatever") is CICDEnvironment.PRODUCTION


def test_with_a_pattern_only_what_fits_goes_to_production() -> None:
    patterns = config(production_pattern="prod")
    assert patterns.environment("stage", "to prod") is CICDEnvironment.PRODUCTION
    assert patterns.environment("stage", "test") is None


def test_the_name_of_an_environment_decides_where_there_is_one() -> None:
    patterns = config(production_pattern="never", environment_pattern="^live")
    assert patterns.environment("x", environment="live-2") is CICDEnvironment.PRODUCTION
    assert patterns.environment("never", environment="qa") is None
    assert patterns.environment("never") is CICDEnvironment.PRODUCTION


def test_an_empty_pattern_is_none() -> None:
    assert config(deployment_pattern="").cicd_type("build") is None
    assert config(production_pattern="").environment("x") is CICDEnvironment.PRODUCTION


def test_a_broken_pattern_is_refused_with_its_text() -> None:
    with pytest.raises(ValidationError, match=re.escape("'(prod' is no regular expression")):
        config(production_pattern="(prod")


def test_patterns_are_fields_of_the_config() -> None:
    one = ForgeConfig(deploymentPattern="d", entities=["CICD"], name="n")
    assert (one.deployment_pattern, one.name) == ("d", "n")
    assert "productionPattern" in ForgeConfig.model_json_schema()["properties"]


def test_a_pattern_can_be_text_in_a_table() -> None:
    class StoredConfig(devops.DeploymentPatterns, ScopeConfig, table=True):
        pass

    columns = StoredConfig.__table__.columns
    assert isinstance(columns.deployment_pattern.type, LongText)
    assert {"deployment_pattern", "production_pattern", "environment_pattern", "name"} <= {
        column.name for column in columns
    }
