"""make-pipeline: rows as the server sends them, plans and scopes as it reads them."""

from __future__ import annotations

import json
import logging
from datetime import date

import pytest

import devlake_core as dl
from devlake_core.errors import ConfigError, PluginError
from devlake_core.redaction import forget_secrets, redact
from tests.bridge.answering import Recorded, call, sample
from tests.plugin.fakeplugin import FakeScopeConfig

__devlake_plugin__ = "fakeplugin"

CONFIG = {"log_level": ""}
SECRET = "hush-hush-hush"


@pytest.fixture(autouse=True)
def _level():
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)
    forget_secrets()


def test_the_recorded_plan_is_made_again():
    recorded = sample("make-pipeline")
    out = call(Recorded(), "make-pipeline", *map(json.dumps, recorded["argv"]))
    assert out.values == recorded["fd3"]


def test_a_scope_without_config_gets_the_classs_defaults_or_none():
    seen = []

    class Asking(Recorded):
        def extra_tasks(self, scope, config, connection):
            seen.append(config)
            return []

    class Plain(Asking):
        scope_config_type = dl.Plugin.scope_config_type

    _, [[scope, _]], connection = sample("make-pipeline")["argv"]
    assert call(Asking(), "make-pipeline", [[scope, None]], connection).document["plan"]
    assert seen == [None], "env has no default"
    assert call(Plain(), "make-pipeline", [[scope, None]], connection).document["plan"]
    assert seen[1].domain_types == list(dl.DomainType)


def test_rows_of_the_server_may_have_nulls_zero_values_and_columns_of_an_older_plugin():
    seen = []

    class Config(FakeScopeConfig):
        limit: int = 7
        since: dl.AwareDatetime | None = None
        key: dl.SecretStr | None = None

    class Asking(Recorded):
        scope_config_type = Config

        def extra_tasks(self, scope, config, connection):
            seen.append((scope, config))
            return []

    config, [[scope, _]], connection = sample("make-pipeline")["argv"]
    scope = {**scope, "scopeConfigId": None, "removedColumn": 1, "_raw_data_id": None}
    config = {
        "id": 1,
        "env": "e",
        "entities": None,
        "limit": None,
        "since": "",
        "key": SECRET,
        "old": [1],
        "createdAt": "0001-01-01T00:00:00Z",
    }
    connection = {**connection, "proxy": "", "gone": {"a": 1}}
    call(Asking(), "make-pipeline", CONFIG, [[scope, config]], connection)
    [(row, made)] = seen
    assert (row.id, row.scope_config_id, row.connection_id) == ("p1", None, 21)
    assert (made.limit, made.since, made.domain_types) == (7, None, list(dl.DomainType))
    assert redact(f"key is {SECRET}") == "key is ***"


def test_a_row_that_is_not_valid_names_the_field_and_no_value():
    _, pairs, _ = sample("make-pipeline")["argv"]
    with pytest.raises(ConfigError, match="token") as raised:
        call(Recorded(), "make-pipeline", pairs, {"id": SECRET, "name": "c"})
    assert SECRET not in raised.value.message


def test_a_scope_whose_subtasks_could_not_be_started_is_logged(caplog):
    _, [[scope, config]], connection = sample("make-pipeline")["argv"]
    large = {**scope, "id": "big", "url": "u" * (101 << 10)}
    with caplog.at_level(logging.WARNING):
        call(Recorded(), "make-pipeline", [[large, config], [scope, config]], connection)
    assert [record.args[0] for record in caplog.records] == ["big"]


def test_options_of_a_plan_may_hold_what_json_knows_in_a_way_of_its_own():
    class Typed(Recorded):
        def extra_tasks(self, scope, config, connection):
            options = {"kind": dl.DomainType.CODE, "day": date(2026, 1, 2)}
            return [dl.PipelineTask("dora", options=options)]

    _, pairs, connection = sample("make-pipeline")["argv"]
    [[_, extra]] = call(Typed(), "make-pipeline", pairs, connection).document["plan"]
    assert extra["options"] == {"kind": "CODE", "day": "2026-01-02"}


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_options_of_a_plan_that_json_cannot_hold_are_the_plugins_mistake(value):
    class Wrong(Recorded):
        def extra_tasks(self, scope, config, connection):
            return [dl.PipelineTask("dora", options={"x": value})]

    _, pairs, connection = sample("make-pipeline")["argv"]
    with pytest.raises(PluginError, match="the plan cannot be written as JSON") as raised:
        call(Wrong(), "make-pipeline", pairs, connection)
    assert raised.value.exit_code == 1


def test_a_plan_of_many_scopes_comes_in_lines_that_the_server_can_read():
    _, [[scope, config]], connection = sample("make-pipeline")["argv"]
    pairs = [[{**scope, "id": f"p{n}", "url": "x" * 9000}, config] for n in range(250)]

    class Wordy(Recorded):
        def extra_tasks(self, scope, config, connection):
            return [dl.PipelineTask("dora", options={"text": scope.url * 3, "none": None})]

    out = call(Wordy(), "make-pipeline", json.dumps(pairs), connection)
    assert len(out.lines) == 2
    assert len(out.document["plan"]) == 250
    assert len(out.document["scopes"]) == 250
