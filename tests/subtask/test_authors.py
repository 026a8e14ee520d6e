"""What authors write into models, ``extract`` and ``convert``, and how their mistakes are told."""

import inspect
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from pydantic import field_validator, model_validator

import devlake_core.model as m
from devlake_core.errors import TooManyBadRecords
from devlake_core.stream import Stream, Substream
from tests.lake import Lake

__devlake_plugin__ = "desk"


class Desk(m.ToolScope, table=True):
    """A scope."""


class Note(m.ToolModel, table=True):
    """A note, whose title the author tidies up."""

    id: int = m.Field(primary_key=True)
    desk: str = m.Field(scope="name")
    title: str

    @field_validator("title")
    @classmethod
    def tidy(cls, title: str) -> str:
        return title.strip() + ("!" if Notes.wrong == "twice" else "")


class Mark(m.ToolModel, table=True):
    """A mark on a note, checked together with what its parent gives."""

    id: int = m.Field(primary_key=True)
    note_id: int = m.Field(parent="id")
    note_title: str = m.Field(parent="title")
    text: str

    @model_validator(mode="after")
    def is_no_copy(self) -> "Mark":
        if self.text == self.note_title:
            message = "the mark repeats its note"
            raise ValueError(message)
        return self


class Page(m.DomainModel, table=True):
    """A domain row."""

    __tablename__ = "desk_pages"
    title: str


class Notes(Stream[Note]):
    """Notes as a test gives them."""

    domain_models = (Page,)
    given: ClassVar[list[Any]] = []
    wrong: ClassVar[str] = ""

    def collect(self, state: dict[str, Any], context: Any) -> Any:
        for record in self.given:
            yield record, {}

    def extract(self, raw: Any) -> Any:
        if self.wrong == "extract":
            return {}["missing"]
        if self.wrong == "extract model":
            return Note(id="x", title=raw["title"])
        if self.wrong == "twice":
            return Note(id=raw["id"], desk="b", title=raw["title"])
        return raw

    def convert(self, note: Note, ctx: Any) -> Any:
        if self.wrong == "convert":
            int(note.title)
        yield Page(title=None if self.wrong == "convert model" else note.title)  # type: ignore[arg-type]


class Marks(Substream[Mark, Note]):
    """Marks of each note."""

    parent_stream = Notes

    def collect(self, state: dict[str, Any], context: Any, parent: Note) -> Any:
        yield {"id": 1, "text": "seen"}, {}
        yield {"id": 2, "text": "read"}, {}
        yield {"id": 3, "text": "again"}, {}


class Labels(Stream[Mark]):
    """Marks that stand in the notes' own records."""

    raw_from, records = Notes, "/marks"


@pytest.fixture
def lake(sqlite_url: str) -> Iterator[Lake]:
    Notes.given, Notes.wrong = [], ""
    lake = Lake(sqlite_url, "desk", [Notes, Marks], Desk, [Page])
    yield lake
    lake.store.close()


def test_validators_see_what_the_scope_and_the_parent_give(lake: Lake) -> None:
    Notes.given = [{"id": 7, "title": " again "}]
    lake.run()
    assert lake.rows(Note, "id", "desk", "title") == [(7, "b", "again")]
    assert lake.rows(Mark, "id", "note_id", "text") == [(1, 7, "seen"), (2, 7, "read")]
    [(verb, reason)] = lake.quarantined()
    assert verb == "extract"
    assert "the mark repeats its note" in reason


def test_validators_run_on_records_found_inside_others_too(lake: Lake) -> None:
    lake.streams = [Notes("desk"), Labels("desk")]
    marks = [{"id": 1, "text": "x"}, {"id": 2, "text": "z"}]
    Notes.given = [{"id": 7, "title": "x", "marks": marks[1:]}, {"id": 8, "title": "x"}]
    Notes.given[1]["marks"] = marks[:1]
    lake.run()
    assert lake.rows(Mark, "id", "note_id", "text") == [(2, 7, "z")]
    assert "the mark repeats its note" in lake.quarantined()[0][1]


def test_validators_run_once_on_a_row_that_extract_made(lake: Lake) -> None:
    Notes.given, Notes.wrong = [{"id": 7, "title": "x"}], "twice"
    lake.run()
    assert lake.rows(Note, "title") == ["x!"]


def line_of(method: Any, text: str) -> int:
    lines, first = inspect.getsourcelines(method)
    return first + next(n for n, line in enumerate(lines) if text in line)


@pytest.mark.parametrize(
    ("wrong", "method", "text", "words"),
    [
        ("extract", Notes.extract, '{}["missing"]', "extract() raised KeyError: 'missing'"),
        ("extract model", Notes.extract, 'Note(id="x"', "id: Input should be a valid integer"),
        ("convert", Notes.convert, "int(note.title)", "convert() raised ValueError: invalid"),
        ("convert model", Notes.convert, "Page(title=None", "Page: title: Input should be"),
    ],
)
def test_mistake_of_an_author_is_told_with_file_and_line(
    lake: Lake, wrong: str, method: Any, text: str, words: str
) -> None:
    lake.streams = lake.streams[:1]
    Notes.given, Notes.wrong = [{"id": 7, "title": "x"}], wrong
    with pytest.raises(TooManyBadRecords) as caught:
        lake.run()
    place = f" (line {line_of(method, text)} of {__file__})"
    [(verb, reason)] = lake.quarantined()
    assert verb == wrong.split()[0]
    assert reason.startswith(words)
    assert reason.endswith(place)
    assert reason in str(caught.value)
