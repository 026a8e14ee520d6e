"""Models in pydantic 1's idioms, as pydevlake's authors write them."""

import enum
import json
import re
import sys
import types
from datetime import datetime
from typing import Optional

import pytest
from pydantic import SecretStr, ValidationError, validator
from sqlmodel import Session

import pydevlake as dl
from devlake_core.errors import RecordError
from devlake_core.model import model_info
from devlake_core.store import Store
from pydevlake.domain_layer import code, devops, ticket
from pydevlake.extractor import autoextract
from pydevlake.model import DomainModel, NoPKModel, ToolModel
from pydevlake.pipeline_tasks import RefDiffOptions

from .conftest import RECORDED

__devlake_plugin__ = "idioms"


class Colour(enum.Enum):
    """The docstring is not the server's business."""

    RED = "red"


class Thing(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    colour: Colour
    nick_name: Optional[str]
    seen: Optional[datetime] = dl.Field(source="/times/seen")

    class Config:
        anystr_strip_whitespace = True
        allow_population_by_field_name = True
        copy_on_model_validation = "none"


class Secretive(dl.Connection):
    token: SecretStr
    pattern: Optional[re.Pattern]


def test_fields_may_be_given_by_name_or_alias_and_optional_ones_left_out():
    assert Thing(id=1, colour="red", nick_name=" a ").nick_name == "a"
    thing = Thing(id=1, colour=Colour.RED, nickName="b")
    assert (thing.nick_name, thing.seen, thing.colour) == ("b", None, Colour.RED)


def test_an_unknown_keyword_is_left_out_and_named_once(caplog):
    for _ in range(2):
        thing = Thing(id=1, colour="red", wheels=4)
        row = devops.CICDTask(name="n", wheels=4)
    assert not hasattr(thing, "wheels")
    assert row.name == "n"
    assert [record.getMessage() for record in caplog.records] == [
        "Thing has no field 'wheels': left out",
        "CICDTask has no field 'wheels': left out",
    ]


def test_a_wrong_value_is_refused_instead_of_being_lost():
    with pytest.raises(ValidationError, match="colour"):
        Thing(id=1, colour="mauve")


def test_a_setting_that_pydantic_has_no_more_is_named(caplog):
    class Old(dl.ScopeConfig):
        class Config:
            getter_dict = dict

    assert "Old.Config: no effect any more: ['getter_dict']" in caplog.text
    assert Old().name == "default"


def test_extra_values_are_kept_where_the_author_says_so():
    class Open(dl.ScopeConfig):
        class Config:
            extra = "allow"

    assert Open(more=1).more == 1


def test_the_time_of_a_row_is_not_asked_of_a_record(caplog):
    class Alert(dl.ToolModel, NoPKModel, table=True):
        id: str = dl.Field(primary_key=True)
        created_at: datetime

    assert autoextract({"id": "a", "created_at": "2023-01-01"}, Alert).created_at is None
    assert "Alert.created_at is the time of the row" in caplog.text


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")
def test_validators_run_with_the_values_before_them():
    class Checked(dl.ScopeConfig):
        low: int
        high: int

        @validator("high")
        def not_below(cls, high, values):
            if high < values["low"]:
                message = "below"
                raise ValueError(message)
            return high

    assert Checked(low=1, high=2).high == 2
    with pytest.raises(ValidationError, match="below"):
        Checked(low=2, high=1)


def test_rows_have_dict_and_json_without_a_warning():
    thing = Thing(id=1, colour="red", nick_name="a")
    assert json.loads(thing.json(exclude_unset=True, by_alias=True)) == {
        "id": 1,
        "colour": "red",
        "nickName": "a",
    }
    assert thing.dict(include={"id", "colour"}) == {"id": 1, "colour": Colour.RED}
    connection = Secretive(name="c", token="s3cret")
    assert "s3cret" not in connection.json()
    assert connection.token.get_secret_value() == "s3cret"


def test_all_classes_are_mapped_and_can_be_stored_in_a_session(sqlite_url):
    store = Store.open(sqlite_url)
    Thing.__table__.create(store.engine)
    code.Repo.__table__.create(store.engine)
    with Session(store.engine) as session:
        session.add(Thing(id=1, connection_id=2, colour="red"))
        session.add(code.Repo(id="r", name="R"))
        session.commit()
        assert session.get(Thing, {"id": 1, "connection_id": 2}).colour is Colour.RED
        assert session.get(code.Repo, "r").name == "R"
    store.close()


@pytest.mark.parametrize("model", [code.PullRequest, devops.CicdScope, ticket.Issue])
def test_domain_classes_have_pydevlakes_bases(model):
    assert issubclass(model, DomainModel)
    assert issubclass(model, dl.DomainScope) == (model is devops.CicdScope)
    assert model.__orm__
    assert not issubclass(code.PullRequestLabels, DomainModel)
    assert issubclass(code.PullRequestLabels, NoPKModel)


def test_a_row_can_note_the_time_of_its_change():
    row = devops.CICDPipeline(name="n")
    row.set_updated_at()
    assert row.updated_at.tzinfo is not None


def test_the_announced_schema_is_pydantic_1s():
    properties = model_info(Thing)["json_schema"]["properties"]
    assert properties["colour"] == {
        "title": "Colour",
        "description": "An enumeration.",
        "enum": ["red"],
        "type": "string",
    }
    assert properties["nickName"] == {"title": "Nickname", "type": "string"}
    assert properties["seen"]["source"] == "/times/seen"
    assert properties["_raw_data_id"] == {"title": " Raw Data Id", "type": "string"}
    pattern = model_info(Secretive)["json_schema"]["properties"]["pattern"]
    assert pattern == {"title": "Pattern", "type": "string", "format": "regex"}


def test_a_compiled_pattern_is_stored_as_its_text(sqlite_url):
    class Patterns(dl.ScopeConfig, table=True):
        pattern: Optional[re.Pattern]

    store = Store.open(sqlite_url)
    Patterns.__table__.create(store.engine)
    with Session(store.engine) as session:
        session.add(Patterns(id=1, pattern="^a.*"))
        session.commit()
    with store.reading() as connection:
        table = Patterns.__tablename__
        assert connection.exec_driver_sql(f"SELECT pattern FROM {table}").scalar() == "^a.*"
    store.close()


def test_the_default_extraction_can_be_called():
    found = autoextract(
        {"id": 0, "colour": "red", "times": {"seen": "2023-01-01T00:00:00Z"}}, Thing
    )
    assert (found.id, found.seen.year, found.nick_name) == (0, 2023, None)
    for error in (ValueError, RecordError):
        with pytest.raises(error, match="colour"):
            autoextract({"id": 0}, Thing)


def project(tmp_path, folder, package, run_sh=True):
    """Make a module `models` in a package of a project, as if it were being imported."""
    place = tmp_path / folder / package
    place.mkdir(parents=True)
    if run_sh:
        (place.parent / "run.sh").touch()
    for name in (package, f"{package}.models", f"{package}.main"):
        module = types.ModuleType(name)
        module.__file__ = str(place / f"{name.rpartition('.')[2]}.py")
        sys.modules[name] = module
    sys.modules[package].__path__ = [str(place)]


@pytest.fixture
def modules(monkeypatch):
    before = dict(sys.modules)
    yield
    for name in sys.modules.keys() - before:
        del sys.modules[name]


def row_in(module):
    return type(ToolModel)("Row", (ToolModel,), {"__module__": module})


@pytest.mark.usefixtures("modules")
def test_tables_are_named_after_the_projects_folder_but_for_what_main_declares(tmp_path):
    project(tmp_path, "tracker", "trackerpkg")
    row = row_in("trackerpkg.models")
    assert row.__tablename__ == "_tool_tracker_rows"
    assert dl.domain_id(row, 1, "x") == "tracker:Row:1:x"
    assert row_in("trackerpkg.main").__tablename__ == "_tool_trackerpkg_rows"


@pytest.mark.usefixtures("modules")
def test_a_folder_that_is_no_project_names_nothing(tmp_path):
    project(tmp_path, "site", "lonelypkg", run_sh=False)
    assert row_in("lonelypkg.models").__tablename__ == "_tool_lonelypkg_rows"
    project(tmp_path, "odd-name", "oddpkg")
    assert row_in("oddpkg.models").__tablename__ == "_tool_oddpkg_rows"


@pytest.mark.usefixtures("modules")
def test_a_name_that_the_author_declares_is_kept(tmp_path):
    project(tmp_path, "folder", "declaredpkg")
    sys.modules["declaredpkg"].__devlake_plugin__ = "chosen"
    assert row_in("declaredpkg.main").__tablename__ == "_tool_chosen_rows"


def test_a_scope_may_lack_what_only_one_of_its_origins_tells():
    class Place(dl.ToolScope, table=True):
        url: str
        seen: datetime = dl.Field(source="/times/seen")
        area: str = dl.Field(primary_key=True)

    place = Place(id="p", name="P", area="a")
    assert (place.url, place.seen) == (None, None)
    with pytest.raises(ValidationError, match="area"):
        Place(id="p", name="P")
    with pytest.raises(ValidationError, match="seen"):
        Place(id="p", name="P", area="a", seen="yesterday")
    told = model_info(Place)["json_schema"]
    assert told["required"] == ["id", "name", "url", "seen", "area"]
    assert told["properties"]["url"] == {"title": "Url", "type": "string"}


def test_the_server_is_told_of_release_options_as_it_was():
    class Told(dl.ScopeConfig):
        refdiff: Optional[RefDiffOptions]

    recorded = json.loads((RECORDED / "azuredevops-tables.json").read_text("utf-8"))["models"]
    wanted = recorded["scope_config_model_info"]["properties"]["refdiff"]
    assert model_info(Told)["json_schema"]["properties"]["refdiff"] == wanted
    for spelling in ("tags_limit", "tagsLimit"):
        assert Told(refdiff={spelling: 3}).refdiff.tags_limit == 3
