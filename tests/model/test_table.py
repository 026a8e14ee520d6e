"""Fields become columns of DevLake's types, and schemas that its server understands."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, SecretStr
from sqlalchemy import MetaData, String, inspect, select
from sqlmodel import Field as SQLField

import devlake_core.model as m
from devlake_core import crypto
from devlake_core.model import table_of
from devlake_core.store import Store, Writer, read_batches
from tests.domain.catalog import read
from tests.plugin.fakeplugin import FakeConnection, FakePipeline, FakeProject, FakeScopeConfig

__devlake_plugin__ = "example"


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Point(BaseModel):
    x: int
    y: int | None = None


class Tool(m.ToolModel, table=True):
    """A field of every kind."""

    id: str = m.Field(primary_key=True)
    number: int
    key_two: int = m.Field(primary_key=True)
    text: str
    short: str | None = m.Field(default=None, max_length=40)
    found: str | None = m.Field(default=None, index=True)
    unique: str | None = m.Field(default=None, unique=True)
    given: str | None = m.Field(default=None, sa_type=String(20))
    ratio: float | None
    flag: bool | None
    at: datetime | None
    day: date | None
    mood: Mood | None
    either: Literal["a", "b"] | None = None
    token: SecretStr | None
    link: AnyUrl | None
    many: list[str] | None
    mapping: dict[str, Any] | None
    point: Point | None
    blob: bytes | None
    price: Decimal | None
    ident: UUID | None
    anything: Any = None


KINDS = {
    "postgresql": {
        "id": "VARCHAR(255)",
        "number": "BIGINT",
        "key_two": "BIGINT",
        "text": "TEXT",
        "short": "VARCHAR(40)",
        "found": "VARCHAR(255)",
        "unique": "VARCHAR(255)",
        "given": "VARCHAR(20)",
        "ratio": "DOUBLE PRECISION",
        "either": "TEXT",
        "flag": "BOOLEAN",
        "at": "TIMESTAMP WITH TIME ZONE",
        "day": "DATE",
        "mood": "TEXT",
        "token": "TEXT",
        "link": "TEXT",
        "many": "JSONB",
        "mapping": "JSONB",
        "point": "JSONB",
        "blob": "BYTEA",
        "anything": "JSONB",
        "_raw_data_params": "VARCHAR(255)",
        "_raw_data_id": "BIGINT",
        "_raw_data_remark": "TEXT",
        "created_at": "TIMESTAMP WITH TIME ZONE",
    },
    "mysql": {
        "id": "VARCHAR(255)",
        "number": "BIGINT(20)",
        "text": "LONGTEXT",
        "short": "VARCHAR(40)",
        "found": "VARCHAR(255)",
        "ratio": "DOUBLE",
        "flag": "TINYINT(1)",
        "at": "DATETIME(3)",
        "mood": "TEXT",
        "token": "TEXT",
        "link": "LONGTEXT",
        "many": "LONGTEXT",
        "point": "LONGTEXT",
        "blob": "LONGBLOB",
        "_raw_data_params": "VARCHAR(255)",
        "_raw_data_id": "BIGINT(20) UNSIGNED",
        "_raw_data_remark": "LONGTEXT",
        "created_at": "DATETIME(3)",
    },
    "sqlite": {"id": "VARCHAR(255)", "number": "INTEGER", "text": "TEXT", "at": "DATETIME"},
}


@pytest.fixture
def store(db_url: str) -> Any:
    crypto.set_encryption_secret("s3cret")
    opened = Store.open(db_url)
    with opened.transaction() as connection:
        Tool.__table__.create(connection)
    yield opened
    opened.close()
    crypto.set_encryption_secret(None)


def test_columns_have_devlakes_types(store: Store) -> None:
    with store.reading() as connection:
        columns = inspect(connection).get_columns("_tool_example_tools")
        dialect = connection.dialect
        found = {c["name"]: c["type"].compile(dialect).partition(" COLLATE")[0] for c in columns}
        keys = inspect(connection).get_pk_constraint("_tool_example_tools")
        indexes = {
            tuple(i["column_names"]) for i in inspect(connection).get_indexes("_tool_example_tools")
        }
    wanted = KINDS[store.dialect]
    assert {name: found[name] for name in wanted} == wanted
    assert set(keys["constrained_columns"]) == {"connection_id", "id", "key_two"}
    assert {("found",), ("_raw_data_params",)} <= indexes


def row(**values: Any) -> Tool:
    given = {"connection_id": 1, "id": "1", "key_two": 2, "number": 3, "text": "t", **values}
    return Tool(**given)


def test_every_kind_of_value_comes_back_as_it_was(store: Store) -> None:
    one = row(
        ratio=0.25,
        flag=True,
        at=datetime(2024, 2, 29, 12, 30, 15, 250000, tzinfo=UTC),
        day=date(2024, 2, 29),
        mood=Mood.BAD,
        either="b",
        token=SecretStr("CANARY-x"),
        link=AnyUrl("http://example.org/é"),
        many=["a", "é"],
        mapping={"a": [1, {"b": None}]},
        point=Point(x=1),
        blob=b"\0\xff",
        price=Decimal("1.5"),
        ident=UUID(int=5),
        anything="plain text",
    )
    empty = row(id="2")
    writer = Writer(store, Tool.__table__, stamp=datetime(2026, 1, 1, tzinfo=UTC))
    names = [column.key for column in writer.columns]
    with store.transaction() as connection:
        done = writer.upsert(
            connection, [tuple(getattr(r, name) for name in names) for r in (one, empty)]
        )
    assert done.rejected == []
    with store.reading() as connection:
        first, second = (
            dict(zip(names, values, strict=True))
            for values in connection.execute(select(Tool.__table__).order_by(Tool.id))
        )
        values = next(read_batches(store, Tool.__table__))[0]
        assert dict(zip(names, values, strict=True)) == first
        crypted = connection.exec_driver_sql("SELECT token FROM _tool_example_tools").scalar()
    book_keeping = {"created_at", "updated_at"}
    wanted = one.model_dump() | {"point": {"x": 1, "y": None}, "link": str(one.link)}
    differing = {
        name: (first[name], wanted[name])
        for name in names
        if name not in book_keeping and first[name] != wanted[name]
    }
    assert differing == {}
    assert crypted == crypto.encrypt("s3cret", "CANARY-x")
    nullable = set(names) - {"connection_id", "id", "key_two", "number", "text"} - book_keeping
    assert {name for name in nullable if second[name] is not None} == set()


def test_schema_has_one_plain_type_for_each_property() -> None:
    info = m.model_info(Tool)
    schema = info["json_schema"]
    assert info["table_name"] == "_tool_example_tools"
    assert schema["title"] == "Tool"
    properties = schema["properties"]
    for prop in properties.values():
        assert isinstance(prop["type"], str)
        assert not prop.keys() & {"anyOf", "allOf", "oneOf", "$ref"}
    assert "$ref" not in json.dumps(info)
    assert properties["keyTwo"]["primaryKey"] is True
    assert properties["connectionId"]["autoIncrement"] is False
    assert properties["token"]["format"] == "password"
    assert properties["at"]["format"] == "date-time"
    assert properties["mood"]["enum"] == ["good", "bad"]
    assert properties["many"]["type"] == "array"
    assert properties["point"]["type"] == "object"
    assert set(schema["required"]) == {"id", "number", "keyTwo", "text"}


def test_model_that_holds_itself_is_an_object() -> None:
    class Tree(BaseModel):
        children: list["Tree"] = []

    class Forest(m.Model):
        __tablename__ = "forests"
        root: Tree | None = None

    text = json.dumps(m.model_info(Forest))
    assert "$ref" not in text
    assert len(text) < 5000


def test_source_is_announced_and_sqlmodels_field_is_understood() -> None:
    class Old(m.ToolModel):
        id: int = SQLField(primary_key=True)
        state: str = m.Field(source="/status/name")

    properties = m.model_info(Old)["json_schema"]["properties"]
    assert properties["id"]["primaryKey"] is True
    assert properties["state"]["source"] == "/status/name"


SAMPLE = json.loads((Path(__file__).parents[1] / "data/devlake/domain-schema.json").read_text())


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_tables_of_the_example_are_those_that_the_server_made(
    kind: str, request: pytest.FixtureRequest
) -> None:
    models = (FakeConnection, FakeProject, FakeScopeConfig, FakePipeline)
    store = Store.open(request.getfixturevalue(f"{kind}_url"))
    with store.transaction() as connection:
        for model in models:
            table_of(model, MetaData()).create(connection)
    with store.reading() as connection:
        ours = read(connection)
    store.close()
    dialect = {"postgresql": "postgres", "mysql": "mysql"}[kind]
    for name, table in ours.items():
        theirs = SAMPLE["example_tool"][name]
        # Text has no limit in the tables that we make; the server gives it 64 KB on MySQL.
        wider = {key: kind.replace("longtext", "text") for key, kind in table["columns"].items()}
        wanted = {key: kind.replace("longtext", "text") for key, kind in theirs[dialect].items()}
        if "_raw_data_id" not in wider:
            # The server gives connections and scope configs an origin that nobody fills.
            wanted = {key: kind for key, kind in wanted.items() if not key.startswith("_raw")}
        else:
            assert table["indexes"] == theirs["indexes"]
        assert wider == wanted, name
        assert set(table["primary_key"]) == set(theirs["primary_key"])
    assert len(ours) == len(models)
