from __future__ import annotations

import json

import pytest

from devlake_core.plugin import discovery

LIST = """
import json
from devlake_core.plugin.discovery import found
print(json.dumps([record.as_dict() for record in found()]))
"""


@pytest.fixture
def metadata(tmp_path, monkeypatch):
    """Lay down the metadata of distributions that nobody could build, and find them."""

    def lay(folder, entry_points, text="Name: devlake-plugin-x\nVersion: 1.0\n"):
        info = tmp_path / f"{folder}.dist-info"
        info.mkdir()
        (info / "METADATA").write_bytes(text if isinstance(text, bytes) else text.encode())
        (info / "entry_points.txt").write_text(entry_points)
        monkeypatch.syspath_prepend(tmp_path)

    return lay


def records(environ=None, kind="plugin"):
    return {
        (record.name, record.distribution): record
        for record in discovery.found(environ or {})
        if record.kind == kind
    }


def one(name, environ=None, kind="plugin"):
    [record] = [item for (called, _), item in records(environ, kind).items() if called == name]
    return record


def plugin(name, value="pkg:Plugin"):
    return f"[devlake.plugins]\n{name} = {value}\n"


def test_each_installed_distribution_is_listed_and_none_is_imported(python):
    code = (
        LIST + "import sys\nassert not [m for m in sys.modules if m.startswith('devlake_plugin_')]"
    )
    found = {item["name"]: item for item in python(code, "good_a", "broken_import", "exits")}
    for name in ("alpha", "lame", "quitter"):
        assert found[name]["state"] == "unchecked"
        assert found[name]["version"] == "1.0"
    assert found["alpha"]["distribution"] == "devlake-plugin-alpha"
    assert found["alpha"]["entry_point"] == "devlake_plugin_alpha:AlphaPlugin"


def test_discovery_imports_neither_sqlalchemy_nor_pydantic(python):
    code = LIST + "import sys\nassert not {'sqlalchemy', 'pydantic', 'requests'} & set(sys.modules)"
    assert python(code, "good_a")


def test_two_distributions_with_one_name_are_both_broken(python):
    found = [
        item for item in python(LIST, "duplicate_one", "duplicate_two") if item["name"] == "twin"
    ]
    assert [item["state"] for item in found] == ["broken", "broken"]
    assert {item["cause"] for item in found} == {"conflict"}
    assert "'twin' of devlake-plugin-twin-two 1.0 has the same name" in found[0]["reason"]
    assert "DEVLAKE_PLUGINS=twin@devlake-plugin-twin-one" in found[0]["hint"]


def test_the_allow_list_chooses_between_two_distributions(python):
    env = {"DEVLAKE_PLUGINS": "twin@devlake-plugin-twin-two"}
    found = python(LIST, "duplicate_one", "duplicate_two", env=env)
    states = {item["distribution"]: item["state"] for item in found if item["name"] == "twin"}
    assert states == {"devlake-plugin-twin-one": "disabled", "devlake-plugin-twin-two": "unchecked"}


def test_a_name_of_the_servers_own_plugins_is_refused(python):
    [found] = [item for item in python(LIST, "reserved_name") if item["name"] == "github"]
    assert (found["state"], found["cause"]) == ("broken", "reserved")
    assert "DevLake's own plugin 'github'" in found["reason"]
    assert "devlake-plugin-github 1.0" in found["hint"]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("git", "reserved"),  # begins gitlab, github …
        ("git_hub", "reserved"),  # reads as github
        ("gi_lab", "reserved"),  # LIKE '_raw_gi_lab%' finds _raw_gitlab
        ("collect", "reserved"),  # a word of the command line
        ("Tracker", "name"),
        ("1st", "name"),
        ("a", "name"),
        ("x" * 32, "name"),
        ("../../etc", "name"),
        ('"; DROP TABLE issues', "name"),
        ("tr\u0430cker", "name"),  # a Cyrillic letter
    ],
)
def test_names_that_would_do_harm_are_refused(metadata, name, cause):
    metadata("devlake_plugin_x-1.0", plugin(name))
    [record] = [r for (_, dist), r in records().items() if dist == "devlake-plugin-x"]
    assert (record.state, record.cause) == ("broken", cause)
    assert record.reason.isascii()
    assert record.hint


def test_what_the_servers_plugin_folder_holds_is_reserved_too(metadata, tmp_path):
    metadata("devlake_plugin_x-1.0", plugin("homegrown"))
    (tmp_path / "so" / "homegrown").mkdir(parents=True)
    (tmp_path / "so" / "homegrown" / "homegrown.so").touch()
    assert one("homegrown").state == "unchecked"
    assert one("homegrown", {"PLUGIN_DIR": str(tmp_path / "so")}).cause == "reserved"


def test_a_plugin_whose_name_begins_anothers_is_a_conflict(metadata):
    metadata("a-1.0", plugin("track"), "Name: a-dist\nVersion: 1.0\n")
    metadata("b-1.0", plugin("tracker"), "Name: b-dist\nVersion: 1.0\n")
    assert [one("track").cause, one("tracker").cause] == ["conflict", "conflict"]
    chosen = {"DEVLAKE_PLUGINS": "tracker"}
    assert [one("track", chosen).state, one("tracker", chosen).state] == ["disabled", "unchecked"]


def test_of_two_names_that_read_alike_the_plain_one_stays(metadata):
    metadata("a-1.0", plugin("tracker"), "Name: a-dist\nVersion: 1.0\n")
    metadata("b-1.0", plugin("track_er"), "Name: b-dist\nVersion: 1.0\n")
    assert one("tracker").state == "unchecked"
    assert (one("track_er").state, one("track_er").cause) == ("broken", "conflict")


def test_the_deny_list_wins_and_ends_a_conflict(metadata):
    metadata("a-1.0", plugin("track"), "Name: a-dist\nVersion: 1.0\n")
    metadata("b-1.0", plugin("tracker"), "Name: b-dist\nVersion: 1.0\n")
    environ = {"DEVLAKE_DISABLED_PLUGINS": "track, other"}
    assert (one("track", environ).state, one("track", environ).cause) == ("disabled", "off")
    assert one("tracker", environ).state == "unchecked"


def test_the_allow_list_can_ask_for_a_version(metadata):
    metadata("a-1.0", plugin("tracker"), "Name: a-dist\nVersion: 1.0\n")
    assert one("tracker", {"DEVLAKE_PLUGINS": "tracker@A_Dist==1.0"}).state == "unchecked"
    assert one("tracker", {"DEVLAKE_PLUGINS": "tracker@a-dist==1.1"}).state == "disabled"


def test_hostile_metadata_is_shown_as_short_plain_text(metadata):
    summary = "\x1b[2J\u202egnihtyna" + "x" * 1_000_000
    metadata(
        "x-1.0",
        plugin("tracker", "pkg:\x1b[31mPlugin"),
        f"Name: devlake-plugin-x\nVersion: 1.0\x1b[31m\nSummary: {summary}\n\n" + "y" * 1_000_000,
    )
    record = one("tracker")
    text = json.dumps(record.as_dict(), ensure_ascii=False)
    assert "\x1b" not in text
    assert "\\u001b" not in text
    assert "\u202e" not in text
    assert len(text) < 2_000
    assert record.state == "broken"


@pytest.mark.parametrize(
    ("entry_points", "text"),
    [
        ("[devlake.plugins]\nnothing here\n", "Name: devlake-plugin-x\nVersion: 1.0\n"),
        (plugin("tracker"), b"Name: \xff\xfe\n"),
        (plugin("tracker"), "Name: ../../x\nVersion: 1.0\n"),
        (plugin("tracker"), "Version: 1.0\n"),
        (plugin("tracker", "no place at all"), "Name: devlake-plugin-x\nVersion: 1.0\n"),
        (plugin("tracker", "pkg.module"), "Name: devlake-plugin-x\nVersion: 1.0\n"),
    ],
)
def test_metadata_that_cannot_be_read_is_a_broken_record(metadata, entry_points, text):
    metadata("devlake_plugin_x-1.0", entry_points, text)
    before = len(discovery.found({}))
    broken = [record for record in discovery.found({}) if record.cause == "metadata"]
    assert len(broken) == 1
    assert before == len(discovery.found({}))
    assert broken[0].hint


def test_a_distribution_for_another_python_says_so(metadata):
    metadata("x-1.0", plugin("tracker"), "Name: x\nVersion: 1.0\nRequires-Python: >=4.0\n")
    record = one("tracker")
    assert (record.state, record.cause) == ("broken", "python")
    assert ">=4.0" in record.reason


def test_shared_hooks_are_listed_as_such(metadata):
    metadata("h-2.0", "[devlake.hooks]\naudit = pkg.hooks\n", "Name: h-dist\nVersion: 2.0\n")
    record = one("audit", kind="hooks")
    assert (record.state, record.source) == ("unchecked", "h-dist 2.0")
    assert one("audit", {"DEVLAKE_PLUGINS": "tracker"}, kind="hooks").state == "disabled"
