"""The doctor sees what is wrong with the database, and says how it is mended."""

import shutil

import pytest

from tests.cli.conftest import GUESTS

NEW_TABLE = """
class Label(dl.ToolModel, table=True):
    name: str = dl.Field(primary_key=True)


class Comment("""


@pytest.fixture
def grow(site):
    """Return what gives the tracker's models a column and a table that no migration makes."""

    def grow():
        package = site / "devlake_plugin_tracker"
        package.unlink()
        shutil.copytree(GUESTS / "devlake_plugin_tracker", package)
        code = (package / "__init__.py").read_text()
        code = code.replace("subject: str\n", "subject: str\n    severity: int | None = None\n")
        code = code.replace("\nclass Comment(", NEW_TABLE)
        (package / "__init__.py").write_text(code)

    return grow


def _of_tracker(done):
    return [item for item in done.json if item["what"] == "tables of tracker"]


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_column_and_a_table_that_no_migration_makes_are_named(devlake, grow, request, kind):
    devlake.environ["DEVLAKE_DB_URL"] = request.getfixturevalue(f"{kind}_url")
    devlake.environ["DEVLAKE_PLUGINS"] = "tracker"
    devlake("migrate", "tracker")
    assert not _of_tracker(devlake("doctor", "--json"))
    grow()
    (found,) = _of_tracker(devlake("doctor", "--json", code=78))
    assert found["level"] == "wrong"
    assert "the table _tool_tracker_issues lacks the column severity" in found["text"]
    assert "there is no table _tool_tracker_labels" in found["text"]
    assert "migration of tracker" in found["hint"]


def test_what_an_sqlite_file_lacks_is_made_by_the_next_run(devlake, grow):
    devlake("migrate", "tracker")
    grow()
    (found,) = _of_tracker(devlake("doctor", "--json"))
    assert found["level"] == "note"
    assert "lacks the column severity" in found["text"]
    devlake("migrate", "tracker")
    assert not _of_tracker(devlake("doctor", "--json"))


def test_nothing_is_missed_before_the_migrations_are_applied(devlake, postgresql_url):
    devlake.environ["DEVLAKE_DB_URL"] = postgresql_url
    devlake.environ["DEVLAKE_PLUGINS"] = "tracker"
    done = devlake("doctor", "--json", code=78)
    assert not _of_tracker(done)
    (pending,) = [item for item in done.json if item["what"] == "migrations"]
    assert "devlake migrate" in pending["hint"]
