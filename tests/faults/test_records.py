"""Whatever is in a record: it is stored or quarantined, and its batch does not suffer."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from sqlalchemy import String, func, select

import devlake_core.model as m
from devlake_core.errors import SchemaError, TooManyBadRecords
from devlake_core.store import raw_table
from devlake_core.stream import Record, Stream
from tests.lake import Lake

__devlake_plugin__ = "zoo"


class Cage(m.ToolScope, table=True):
    """A scope."""


class Beast(m.ToolModel, table=True):
    """A record with every kind of field."""

    id: str = m.Field(primary_key=True)
    title: str
    short: str | None = m.Field(default=None, max_length=10)
    legs: int | None = None
    weight: float | None = None
    tame: bool | None = None
    born: datetime | None = None
    marks: list[str] | None = None
    food: dict[str, Any] | None = None


class Row(m.DomainModel, table=True):
    """The domain row."""

    __tablename__ = "zoo_rows"
    title: str | None = m.Field(default=None, sa_type=String(100))
    legs: int | None = None


class Beasts(Stream[Beast]):
    """Records as a test gives them: bytes, or what becomes JSON."""

    domain_models = (Row,)
    given: ClassVar[list[Any]] = []

    def collect(self, state: dict[str, Any], context: Any) -> Any:
        for record in self.given:
            yield (Record(record) if isinstance(record, bytes) else record), {}

    def convert(self, beast: Beast, ctx: Any) -> Any:
        return Row(title=beast.title, legs=beast.legs)


@pytest.fixture
def lake(db_url: str) -> Iterator[Lake]:
    lake = Lake(db_url, "zoo", [Beasts], Cage)
    yield lake
    Beasts.given = []
    lake.store.close()


def good(number: int) -> dict[str, Any]:
    return {"id": f"good-{number}", "title": f"t{number}", "legs": number}


STORED = {
    # what: (record without id, field, value that is found)
    "emoji": ({"title": "🦊 ok"}, "title", "🦊 ok"),
    "combining and right to left": ({"title": "e\u0301 שלום"}, "title", "e\u0301 שלום"),
    "long": ({"title": "x" * 70_000}, "title", "x" * 70_000),
    "longer than its column": ({"title": "t", "short": "é" * 50}, "short", "é" * 10),
    "not in the model": ({"title": "t", "more": {"a": 1}}, "title", "t"),
    "optional null": ({"title": "t", "legs": None}, "legs", None),
    "number for text": ({"title": 12}, "title", "12"),
    "text for number": ({"title": "t", "legs": "4"}, "legs", 4),
    "largest": ({"title": "t", "legs": 2**63 - 1}, "legs", 2**63 - 1),
    "smallest": ({"title": "t", "legs": -(2**63)}, "legs", -(2**63)),
    "false and zero": ({"title": "t", "tame": False, "legs": 0, "weight": 0.0}, "tame", False),
    "year 9999": (
        {"title": "t", "born": "9999-12-31T23:59:59Z"},
        "born",
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ),
    "another zone": (
        {"title": "t", "born": "2024-03-10T02:30:00-08:00"},
        "born",
        datetime(2024, 3, 10, 10, 30, tzinfo=UTC),
    ),
    "no zone": (
        {"title": "t", "born": "2024-01-01T00:00:00"},
        "born",
        datetime(2024, 1, 1, tzinfo=UTC),
    ),
    "list": ({"title": "t", "marks": ["a", "é"]}, "marks", ["a", "é"]),
    "mapping": ({"title": "t", "food": {"n": [1, None]}}, "food", {"n": [1, None]}),
    "nul": ({"title": "a\0b"}, "title", None),
}  # fmt: skip

KEPT_BACK = {
    "larger than any column": {"title": "t", "legs": 2**63},
    "far larger": {"title": "t", "legs": 10**400},
    "nan": b'{"id": "bad-nan", "title": "t", "weight": NaN}',
    "infinity": b'{"id": "bad-inf", "title": "t", "weight": Infinity}',
    "number out of range": b'{"id": "bad-1e999", "title": "t", "weight": 1e999}',
    "lone surrogate": b'{"id": "bad-sur", "title": "\\ud800"}',
    "not utf-8": b'{"id": "bad-utf", "title": "\xff\xfe"}',
    "half a record": b'{"id": "bad-half", "title": ',
    "no record": b"[1, 2]",
    "bare text": b'"hello"',
    "null": b"null",
    "deep": b'{"id": "bad-deep", "title": "t", "food": ' + b'{"a":' * 3000 + b"1" + b"}" * 3001,
    "missing": {"legs": 1},
    "null where something is due": {"title": None},
    "object for text": {"title": {"a": 1}},
    "list for object": {"title": "t", "food": [1]},
    "text for a number": {"title": "t", "legs": "many"},
    "half a number": {"title": "t", "legs": 1.5},
    "no time": {"title": "t", "born": "0000-00-00 00:00:00"},
    "leap second": {"title": "t", "born": "2016-12-31T23:59:60Z"},
    "month 13": {"title": "t", "born": "2024-13-01T00:00:00Z"},
    "key too long": {"id": "k" * 300, "title": "t"},
    "key null": {"id": None, "title": "t"},
}


def test_every_record_is_stored_or_kept_back_with_its_reason(lake: Lake) -> None:
    records: list[Any] = [good(n) for n in range(1, 101)]
    for number, (name, record) in enumerate({**STORED, **KEPT_BACK}.items()):
        if isinstance(record, tuple):
            record = record[0]
        if isinstance(record, dict):
            record = {"id": name, **record}
        records.insert(number * 4, record)
    Beasts.given = records
    counts = lake.run()
    assert len(lake.raw_ids("beasts")) == len(records)
    found = _by_id(lake)
    wanted = {name: value for name, (_, _, value) in STORED.items()}
    kept_back = len(KEPT_BACK)
    others = {f"good-{n}" for n in range(1, 101)}
    wanted["nul"] = "ab" if lake.store.dialect == "postgresql" else "a\0b"
    if lake.store.dialect == "sqlite":
        # It knows no lengths.
        wanted["longer than its column"] = "é" * 50
        others.add("k" * 300)
        kept_back -= 1
    wrong = [
        f"{name}: {found.get(name, {}).get(field)!r:.80}"
        for name, (_, field, _) in STORED.items()
        if found.get(name, {}).get(field, "missing") != wanted[name]
    ]
    assert wrong == []
    assert found.keys() - STORED.keys() == others
    reasons = [reason for verb, reason in lake.quarantined() if verb == "extract"]
    assert len(reasons) == kept_back
    assert all(reasons)
    assert not any("\ud800" in reason or "many" in reason for reason in reasons)
    assert counts["quarantined"] == kept_back
    cuts = 0 if lake.store.dialect == "sqlite" else 2  # in the tool table, in the domain's
    assert counts["truncated"] == cuts
    assert len(lake.rows(Row, "id")) == len(found)


def _by_id(lake: Lake) -> dict[str, dict[str, Any]]:
    with lake.store.reading() as connection:
        rows = connection.execute(select(Beast.__table__)).all()
    keys = [column.key for column in Beast.__table__.columns]
    return {row.id: dict(zip(keys, row, strict=True)) for row in rows}


def test_text_cut_for_its_column_is_told_once(lake: Lake) -> None:
    Beasts.given = [{"id": str(n), "title": "t" * 200} for n in range(5)]
    counts = lake.run()
    told = [w for w in lake.last.warnings if "cut" in w]  # type: ignore[union-attr]
    limited = lake.store.dialect != "sqlite"
    assert told == ["zoo_rows.title: text was cut to the column's length"] * limited
    assert counts["truncated"] == 5 * limited
    assert {len(title) for title in lake.rows(Row, "title")} == {100 if limited else 200}


def test_time_without_a_zone_is_told_once(lake: Lake) -> None:
    Beasts.given = [{"id": str(n), "title": "t", "born": "2024-01-01T00:00:00"} for n in range(5)]
    lake.run()
    assert [w for w in lake.last.warnings if "time zone" in w] == [  # type: ignore[union-attr]
        "Beast.born has no time zone: it is taken as UTC"
    ]


def test_pages_that_overlap_leave_each_row_once_with_its_last_value(lake: Lake) -> None:
    Beasts.given = [good(1), good(2), good(2), good(3), {**good(2), "title": "last"}, good(1)]
    lake.run()
    assert lake.rows(Beast, "id", "title") == [
        ("good-1", "t1"),
        ("good-2", "last"),
        ("good-3", "t3"),
    ]
    assert len(lake.raw_ids("beasts")) == 3


def test_keys_that_differ_by_case_alone_are_two_rows_or_one_is_told(lake: Lake) -> None:
    Beasts.given = [{"id": "abc", "title": "small"}, {"id": "ABC", "title": "large"}]
    lake.run()
    rows = lake.rows(Beast, "id")
    quarantined = lake.quarantined()
    assert len(rows) + len(quarantined) == 2


def test_extra_field_in_every_record_changes_nothing(lake: Lake) -> None:
    Beasts.given = [{**good(n), "since_version_2": [n]} for n in range(3)]
    lake.run()
    assert len(lake.rows(Beast, "id")) == 3
    raw = raw_table("_raw_zoo_beasts")
    with lake.store.reading() as connection:
        data = connection.execute(select(raw.c.data).order_by(raw.c.id)).scalars().first()
    assert json.loads(bytes(data))["since_version_2"] == [0]  # type: ignore[arg-type]


def test_renamed_field_stops_the_stream_and_keeps_what_was_there(lake: Lake) -> None:
    Beasts.given = [good(n) for n in range(10)]
    lake.run()
    Beasts.given = [{"id": f"good-{n}", "heading": "t"} for n in range(10)]
    with pytest.raises(TooManyBadRecords, match=r"10 of 10 records.*title"):
        lake.run()
    assert len(lake.rows(Beast, "id")) == 10
    assert len(lake.rows(Row, "id")) == 10


@pytest.mark.parametrize(
    ("table", "verb"), [("_tool_zoo_beasts", "extract"), ("zoo_rows", "convert")]
)
def test_missing_column_is_named_and_nothing_is_written(lake: Lake, table: str, verb: str) -> None:
    lake.execute(f"ALTER TABLE {table} DROP COLUMN legs")
    Beasts.given = [good(1)]
    with pytest.raises(SchemaError, match=rf"{table} lacks the column legs") as caught:
        lake.run()
    assert caught.value.exit_code == 78
    assert "devlake migrate" in str(caught.value.hint)
    with lake.store.reading() as connection:
        other = Row.__table__
        assert connection.execute(select(func.count()).select_from(other)).scalar() == 0
    assert lake.quarantined() == []
    lake.execute(f"ALTER TABLE {table} ADD COLUMN legs BIGINT")
    lake.run()
    assert lake.rows(Beast, "id", "legs") == [("good-1", 1)]
    assert lake.rows(Row, "legs") == [1]


def test_missing_table_is_named(lake: Lake) -> None:
    lake.execute("DROP TABLE _tool_zoo_beasts")
    Beasts.given = [good(1)]
    with pytest.raises(SchemaError, match="_tool_zoo_beasts"):
        lake.run()
    lake.execute("DROP TABLE zoo_rows")
