"""Row H-11: the server makes a Go struct of each model, and a bad name in one brings it down."""

import enum
import itertools
import json
import subprocess
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import devlake_core as dl
from devlake_core.errors import DevlakeError
from devlake_core.model import model_info
from devlake_core.plugin import validity

PROGRAM = Path(__file__).parent / "structof" / "main.go"


class Colour(enum.Enum):
    RED = "red"


class Knot(pydantic.BaseModel):
    size: int
    inner: "Knot | None" = None


NUMBER = itertools.count()
TYPES: list[Any] = [
    str,
    int,
    float,
    bool,
    bytes,
    Decimal,
    datetime,
    date,
    dict,
    list[int],
    Any,
    Colour,
    Knot,
    list[Knot],
    Literal["a", "b"],
    Literal[1],
    int | str,
    str | None,
    datetime | None,
    Knot | None,
    dl.SecretStr,
    dl.SecretStr | None,
]
WELL_FORMED = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True)
names = st.one_of(WELL_FORMED, st.text("aAbB_1- \"'`é.\\\n", min_size=1, max_size=5))
fields = st.lists(st.tuples(names, st.sampled_from(TYPES), st.booleans()), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def server(go, tmp_path_factory):
    """Yield a function that gives a schema to the Go program and returns its answer."""
    program = tmp_path_factory.mktemp("go") / "structof"
    go("build", "-o", str(program), str(PROGRAM))
    with subprocess.Popen([program], stdin=-1, stdout=-1, text=True, encoding="utf-8") as process:

        def ask(schema):
            process.stdin.write(json.dumps(schema) + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield ask
        process.stdin.close()


def made(given_fields):
    """Return a connection class with such properties; None where it cannot be written at all."""
    number = next(NUMBER)
    body: dict[str, Any] = {"__module__": __name__, "__annotations__": {}}
    for index, (name, kind, required) in enumerate(given_fields):
        body["__annotations__"][f"field_{index}x"] = kind
        body[f"field_{index}x"] = (
            dl.Field(alias=name) if required else dl.Field(default=None, alias=name)
        )
    try:
        return type(dl.Connection)(f"Fuzz{number}", (dl.Connection,), body, table=True)
    except (DevlakeError, pydantic.errors.PydanticUserError, TypeError, ValueError):
        # Refused when its module is imported.
        return None


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fields)
def test_h11_what_is_let_through_is_a_struct(server, given_fields):
    model = made(given_fields)
    if model is None:
        return
    refused = ""
    try:
        validity._check_fields(model)
    except DevlakeError as error:
        refused = error.message
    if refused:
        assert model.__name__ in refused
    else:
        assert server(model_info(model)["json_schema"]) == "ok"


@pytest.mark.parametrize("name", ["a-b", "1abc", "_x", "a b", 'a"b'])
def test_h11_the_program_panics_as_the_server_does(server, name):
    schema = {"type": "object", "properties": {name: {"type": "string"}}}
    assert server(schema).startswith("panic: ")
    twice = {"type": "object", "properties": {"foo": {"type": "string"}, "Foo": {"type": "string"}}}
    assert server(twice).startswith("panic: ")
    either = {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}}}
    assert "type must be a string" in server(either)
