from __future__ import annotations

import json

import pytest

from devlake_core.bridge.arguments import glance, read
from devlake_core.errors import UsageError

CONFIG = '{"log_level": "debug"}'
SECRET = "hush-hush-hush"
CONNECTION = json.dumps({"token": SECRET})
CONTEXT = json.dumps({"db_url": f"mysql://u:{SECRET}@h/d", "scope": {"id": "p1"}})
PAIRS = '[[{"id": "p1"}, null]]'

CALLS = {
    "plugin-info": [],
    "test-connection": [CONNECTION],
    "remote-scopes": [CONNECTION, '"group1"'],
    "make-pipeline": [PAIRS, CONNECTION],
    "collect": [CONTEXT, '"users"'],
    "extract": [CONTEXT, '"users"'],
    "convert": [CONTEXT, '"users"'],
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("config", [CONFIG, "{}"])
def test_the_config_may_be_there_or_not(method, config):
    with_it, without = read(method, [config, *CALLS[method]]), read(method, CALLS[method])
    assert with_it.config == json.loads(config)
    assert without.config is None
    assert with_it.values == without.values


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("config", [[], [CONFIG]])
def test_a_wrong_number_of_arguments_says_what_the_method_takes(method, config):
    wrong = [[*CALLS[method], '"one"', '"too"', '"many"']]
    if CALLS[method]:
        wrong.append([])
    for arguments in wrong:
        with pytest.raises(UsageError, match=f"{method} takes ") as raised:
            read(method, [*config, *arguments])
        assert raised.value.exit_code == 2
        assert f"{len(arguments)} given" in raised.value.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{" + SECRET, "is no JSON: see line 1 column"),
        (f'{{"a": "{SECRET}"', "is no JSON"),
        ("", "is no JSON"),
        (f'{{"{SECRET}": NaN}}', "is no JSON"),
        (f'"{SECRET}\udcff"', "is no UTF-8"),
        ('{"a":' * 100_000, "is nested too deep"),
        ("[" * 5_000_000, "is nested too deep"),
        (f'{{"{SECRET}": {"9" * 5000}}}x', "is no JSON"),
    ],
    ids=["word", "open", "empty", "nan", "octets", "objects", "bomb", "number"],
)
@pytest.mark.parametrize("config", [[], [CONFIG]])
def test_an_unreadable_argument_is_named_and_its_content_is_not(text, problem, config):
    meanings = {
        "test-connection": ["connection"],
        "make-pipeline": ["scopes with their configs", "connection"],
        "collect": ["task context"],
    }
    for method, names in meanings.items():
        for number, meaning in enumerate(names):
            arguments = [*config, *CALLS[method]]
            arguments[len(config) + number] = text
            with pytest.raises(UsageError) as raised:
                read(method, arguments)
            error = raised.value
            place = f"argument {len(config) + number + 1} ({meaning}) {problem}"
            assert error.exit_code == 65
            assert error.message.startswith(place)
            assert SECRET not in error.message + error.hint
            assert error.__context__ is None


def test_an_unreadable_config_is_named():
    with pytest.raises(UsageError, match=r"argument 1 \(config\) is no JSON") as raised:
        read("plugin-info", ["{bad"])
    assert raised.value.exit_code == 65


@pytest.mark.parametrize(
    ("method", "arguments", "place"),
    [
        ("test-connection", ["[]"], "argument 1 (connection) is no JSON object"),
        ("make-pipeline", [CONFIG, "{}", CONNECTION], "argument 2 (scopes with their configs) is"),
        ("make-pipeline", ['[[{"id": 1}]]', CONNECTION], "argument 1 (scopes with their configs)"),
        ("make-pipeline", [PAIRS, "3"], "argument 2 (connection) is no JSON object"),
        ("collect", ['{"scope": []}', "users"], 'argument 1 (task context) has a "scope" that'),
        ("collect", ['{"db_url": 3}', "users"], 'argument 1 (task context) has a "db_url" that'),
        ("collect", [CONTEXT, "[]"], "argument 2 (stream's name) is no text"),
        ("remote-scopes", [CONNECTION, '"open'], "argument 2 (group's id) is no JSON"),
    ],
)
def test_an_argument_of_a_wrong_kind_is_named(method, arguments, place):
    with pytest.raises(UsageError) as raised:
        read(method, arguments)
    assert raised.value.exit_code == 65
    assert raised.value.message.startswith(place)


@pytest.mark.parametrize(
    ("arguments", "group"),
    [([], ""), ([""], ""), (['""'], ""), (["null"], ""), (['"a b"'], "a b"), (["a/b"], "a/b")],
)
def test_a_group_may_be_a_json_string_a_word_or_nothing(arguments, group):
    assert read("remote-scopes", [CONFIG, CONNECTION, *arguments]).values[1] == group


def test_a_stream_may_be_named_by_a_bare_word():
    assert read("collect", [CONTEXT, "users"]).values[1] == "users"


def test_a_context_needs_only_what_it_has():
    found = read("collect", ['{"connection": {}}', "users"]).values[0]
    assert found == {"connection": {}, "db_url": ""}


def test_a_glance_tells_stream_and_scope_of_a_subtask_alone():
    assert glance("collect", [CONFIG, CONTEXT, "users"]) == ("users", "p1")
    assert glance("collect", ["{bad", "users"]) == ("", "")
    assert glance("remote-scopes", CALLS["remote-scopes"]) == ("", "")
    assert glance("no-method", []) == ("", "")
