"""Rows of table classes, plain and mapped: what their constructor takes, and what they can do."""

import copy
import pickle
import types
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, ClassVar, Optional

import pytest
from annotated_types import MaxLen
from pydantic import AnyUrl, ValidationError, field_validator
from sqlalchemy import create_engine, delete, insert, select, update
from sqlalchemy.orm import Session, selectinload
from sqlmodel import Relationship
from sqlmodel import select as sqlmodel_select

import devlake_core.model as m

__devlake_plugin__ = "rows"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Plain(m.ToolModel, table=True):
    """A plain row."""

    id: int = m.Field(primary_key=True)
    full_name: str
    count: Optional[int]
    ratio: float | None
    colour: Colour = Colour.RED
    tags: list[str] = m.Field(default_factory=list)
    link: AnyUrl | None
    at: datetime | None = None
    short: Annotated[str | None, "a comment"]
    KIND: ClassVar[str] = "plain"

    @field_validator("full_name")
    @classmethod
    def _no_shouting(cls, value: str) -> str:
        if value.isupper():
            message = "too loud"
            raise ValueError(message)
        return value


class Mapped(m.ToolModel, table=True, orm=True):
    """The same, mapped."""

    id: int = m.Field(primary_key=True)
    full_name: str
    count: Optional[int]
    ratio: float | None
    colour: Colour = Colour.RED
    tags: list[str] = m.Field(default_factory=list)
    link: AnyUrl | None
    at: datetime | None = None
    short: Annotated[str | None, MaxLen(9)]

    @field_validator("full_name")
    @classmethod
    def _no_shouting(cls, value: str) -> str:
        if value.isupper():
            message = "too loud"
            raise ValueError(message)
        return value


class Parent(m.ToolModel, table=True, orm=True):
    """One side of a relationship."""

    id: int = m.Field(primary_key=True)
    children: list["Child"] = Relationship(
        back_populates="parent",
        sa_relationship_kwargs={
            "primaryjoin": "and_(Parent.connection_id == Child.connection_id, "
            "Parent.id == foreign(Child.parent_id))"
        },
    )


class Child(m.ToolModel, table=True, orm=True):
    """The other side."""

    id: int = m.Field(primary_key=True)
    parent_id: int
    parent: Parent | None = Relationship(
        back_populates="children",
        sa_relationship_kwargs={
            "primaryjoin": "and_(Parent.connection_id == Child.connection_id, "
            "Parent.id == foreign(Child.parent_id))"
        },
    )


both = pytest.mark.parametrize("model", [Plain, Mapped])


@both
def test_values_are_validated_and_converted(model: Any) -> None:
    row = model(id="3", full_name="Ann", ratio="0.5", colour="blue", at="2024-01-01T00:00:00Z")
    assert (row.id, row.ratio, row.colour) == (3, 0.5, Colour.BLUE)
    assert row.at.utcoffset().total_seconds() == 0
    assert row.tags == []


@both
@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"id": "x"}, "id"),
        ({"colour": "green"}, "colour"),
        ({"full_name": "LOUD"}, "too loud"),
        ({"link": "no url"}, "link"),
        ({"tags": "a"}, "tags"),
    ],
)
def test_wrong_value_is_refused_by_the_constructor(model: Any, values: Any, named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        model(**{"id": 1, "full_name": "a", **values})


@both
def test_missing_value_is_refused(model: Any) -> None:
    with pytest.raises(ValidationError, match="fullName"):
        model(id=1)


@both
def test_unknown_names_are_refused_and_named(model: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        model(id=1, full_name="a", ful_name="b", colr="red")
    assert "ful_name" in str(caught.value)
    assert "colr" in str(caught.value)


@both
def test_field_names_and_aliases_are_taken(model: Any) -> None:
    assert model(id=1, fullName="a").full_name == "a"
    assert model(id=1, full_name="a").full_name == "a"
    assert model(id=1, full_name="a", _raw_data_id=3).raw_data_id == 3
    assert model(id=1, full_name="a", raw_data_id=3).raw_data_id == 3


@both
def test_number_becomes_text_where_text_is_wanted(model: Any) -> None:
    assert model(id=1, full_name=7).full_name == "7"


@both
def test_optional_field_without_default_is_none(model: Any) -> None:
    row = model(id=1, full_name="a")
    assert (row.count, row.ratio, row.link, row.short, row.at) == (None,) * 5


@both
def test_mutable_defaults_are_not_shared(model: Any) -> None:
    one, other = model(id=1, full_name="a"), model(id=2, full_name="a")
    one.tags.append("x")
    assert other.tags == []


@both
def test_rows_can_be_pickled_and_copied(model: Any) -> None:
    row = model(id=1, full_name="a", tags=["x"], colour="blue")
    for twin in (pickle.loads(pickle.dumps(row)), copy.deepcopy(row), copy.copy(row)):
        assert type(twin) is model
        assert twin.model_dump() == row.model_dump()
    assert copy.deepcopy(row).tags is not row.tags


@both
def test_values_can_be_assigned_and_dumped(model: Any) -> None:
    row = model(id=1, full_name="a")
    row.count = 4
    assert row.count == 4
    assert row.model_dump()["count"] == 4
    assert row.model_dump(mode="json")["colour"] == "red"


def test_equal_rows_are_equal() -> None:
    assert Plain(id=1, full_name="a") == Plain(id=1, fullName="a")
    assert Plain(id=1, full_name="a") != Plain(id=2, full_name="a")


@both
def test_core_statements_take_the_class_attributes(model: Any, sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    table = model.__table__
    table.create(engine)
    with engine.begin() as connection:
        values = {"connection_id": 1, "tags": ["a"], "colour": Colour.BLUE}
        connection.execute(
            insert(table), [{"id": n, "full_name": f"n{n}", **values} for n in (1, 2)]
        )
        query = select(model.full_name, model.colour).where(model.full_name == "n2")
        assert connection.execute(query).all() == [("n2", Colour.BLUE)]
        query = select(table).where(model.raw_data_id.is_(None)).order_by(model.id.desc())
        assert [row.id for row in connection.execute(query)] == [2, 1]
        connection.execute(update(table).where(model.id == 1).values(full_name="new"))
        assert connection.execute(delete(table).where(model.full_name == "new")).rowcount == 1
    engine.dispose()


def test_plain_row_is_refused_by_a_session_with_the_cure(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    with Session(engine) as session:
        with pytest.raises(TypeError, match=r"Plain is a plain row.*orm=True"):
            session.add(Plain(id=1, full_name="a"))
        with pytest.raises(TypeError, match=r"Plain is a plain row.*orm=True"):
            session.merge(Plain(id=1, full_name="a"))
    engine.dispose()


@pytest.mark.parametrize("function", [select, sqlmodel_select])
def test_select_of_a_plain_class_is_refused_with_the_cure(function: Any) -> None:
    with pytest.raises(TypeError, match=r"select\(Plain\.__table__\).*orm=True"):
        function(Plain)


def test_unknown_attribute_of_a_class_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="ful_name"):
        Plain.ful_name  # noqa: B018
    assert Plain.KIND == "plain"


def test_mapped_rows_and_relationships_live_in_a_session(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    for model in (Parent, Child, Mapped):
        model.__table__.create(engine)
    with Session(engine) as session:
        session.add(Mapped(connection_id=1, id=1, full_name="a", tags=["t"]))
        session.add(Parent(connection_id=1, id=1))
        session.add_all([Child(connection_id=1, id=n, parent_id=1) for n in (1, 2)])
        session.add(Child(connection_id=2, id=1, parent_id=1))
        session.commit()
        found = session.execute(sqlmodel_select(Mapped)).scalar_one()
        assert (found.full_name, found.tags, found.count) == ("a", ["t"], None)
        query = sqlmodel_select(Parent).options(selectinload(Parent.children))
        parent = session.execute(query).scalar_one()
        assert sorted((c.connection_id, c.id) for c in parent.children) == [(1, 1), (1, 2)]
        assert parent.children[0].parent is parent
    engine.dispose()


def test_relationship_of_a_plain_class_is_refused_with_the_cure() -> None:
    with pytest.raises(TypeError, match=r"Lonely\.others is a Relationship.*orm=True.*other side"):

        class Lonely(m.ToolModel, table=True):
            id: int = m.Field(primary_key=True)
            others: list["Child"] = Relationship()


def test_keywords_are_inherited() -> None:
    class Base(m.ToolModel, orm=True, shared=True):
        id: int = m.Field(primary_key=True)

    class Heir(Base, table=True):
        pass

    assert Heir.__orm__
    assert Heir.__shared__
    assert not Plain.__shared__
    assert not hasattr(Base, "__table__")
    assert Heir.__tablename__ == "_tool_rows_heirs"


def module_of(name: str, source: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__["__devlake_plugin__"] = name
    import sys

    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
    return module


THING = """
import devlake_core.model as m
class Thing(m.ToolModel, table=True{more}):
    id: int = m.Field(primary_key=True)
    {field}: str
"""


@pytest.mark.parametrize("more", ["", ", orm=True"])
def test_two_plugins_may_use_one_class_name(more: str) -> None:
    suffix = "orm" if more else "plain"
    one = module_of(f"one{suffix}", THING.format(more=more, field="left")).Thing
    two = module_of(f"two{suffix}", THING.format(more=more, field="right")).Thing
    assert one.__tablename__ == f"_tool_one{suffix}_things"
    assert two.__tablename__ == f"_tool_two{suffix}_things"
    assert one(id=1, left="a").domain_id() == f"one{suffix}:Thing:0:1"
    assert {"left", "right"}.intersection(one.__table__.columns.keys()) == {"left"}
    assert one.__table__.metadata is not two.__table__.metadata


def test_two_classes_of_one_table_are_refused() -> None:
    with pytest.raises(TypeError, match="have the same table '_tool_rows_plains'"):

        class Other(m.ToolModel, table=True):
            __tablename__ = "_tool_rows_plains"
            id: int = m.Field(primary_key=True)


def test_secrets_do_not_show_in_errors_of_connections() -> None:
    class ShyConnection(m.Connection):
        token: str
        endpoint: AnyUrl

    with pytest.raises(ValidationError) as caught:
        ShyConnection(name="n", token="CANARY-123456", endpoint="nonsense")
    assert "CANARY" not in str(caught.value)
    assert "endpoint" in str(caught.value)


def test_field_says_one_origin_and_sources_are_pointers() -> None:
    with pytest.raises(TypeError, match="one of source=, parent= and scope="):
        m.Field(source="/a", parent="b")
    with pytest.raises(ValueError, match="no JSON pointer"):
        m.Field(source="a/b")


def test_rows_are_made_of_read_values_without_validation() -> None:
    for model in (Plain, Mapped):
        make = m.row_maker(model, ("connection_id", "id", "full_name"))
        row = make((1, 2, "LOUD"))
        assert (row.full_name, row.count, row.colour) == ("LOUD", None, Colour.RED)
        assert row.domain_id() == f"rows:{model.__name__}:1:2"
        assert row.model_dump()["full_name"] == "LOUD"
