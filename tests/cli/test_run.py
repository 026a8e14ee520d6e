"""`devlake run`: which scopes, which streams, what is stored and told."""

import json

import pytest


def test_a_plugin_without_needs_runs_at_once_into_a_new_database(devlake):
    done = devlake("run", "acrobat", "handstand")
    assert "SQLite file devlake.db in this folder" in done.err
    assert "acrobat Handstand: collect jumps: 30 records" in done.out
    assert "acrobat Handstand: extract jumps: 30 written" in done.out
    assert "acrobat Handstand: convert jumps: 30 written" in done.out
    assert "requests 0 · records 31 · written 60 · unchanged 0 · quarantined 0" in done.out
    assert devlake.rows("SELECT COUNT(*) FROM issues") == [(30,)]
    assert devlake.rows("SELECT name FROM _tool_acrobat_acrobatconnections") == [("default",)]


def test_the_second_run_takes_the_saved_scopes_and_reads_what_is_new(devlake):
    devlake("run", "acrobat", "handstand", "split")
    done = devlake("run", "acrobat", "--json")
    assert [job["scope"] for job in done.json["jobs"]] == ["handstand", "split"]
    assert done.json["records"] == 2  # the stream without a state alone
    assert devlake.rows("SELECT COUNT(*) FROM issues") == [(60,)]


def test_json_has_the_words_of_the_summary_and_nothing_else_on_stdout(devlake):
    done = devlake("run", "acrobat", "prints-this", "--json")
    words = ["requests", "records", "written", "unchanged", "quarantined", "truncated", "removed"]
    assert all(isinstance(done.json[word], int) for word in words)
    assert done.json["seconds"] > 0
    assert done.json["exit_code"] == 0
    assert "this is no JSON" in done.err


def test_a_verb_alone_runs_that_verb(devlake):
    done = devlake("run", "acrobat", "collect", "handstand", "--json")
    assert done.json["records"] == 31
    assert done.json["written"] == 0
    done = devlake("run", "acrobat", "extract", "--json")
    assert (done.json["records"], done.json["written"]) == (0, 30)
    done = devlake("run", "acrobat", "convert", "--json")
    assert (done.json["records"], done.json["written"]) == (0, 30)


def test_a_stream_alone_runs_that_stream(devlake):
    done = devlake("run", "acrobat", "handstand", "--stream", "rests", "--json")
    assert done.json["records"] == 1


def test_full_refresh_reads_everything_again(devlake):
    devlake("run", "acrobat", "handstand")
    done = devlake("run", "acrobat", "--full-refresh", "--json")
    assert (done.json["records"], done.json["unchanged"]) == (31, 60)


def test_domain_scopes_are_stored_and_the_servers_own_plugins_named(connected):
    done = connected("run", "tracker", "b1")
    assert "only under DevLake's server: gitextractor" in done.out
    (row,) = connected.rows("SELECT id, name, _raw_data_table FROM boards")
    assert row == ("tracker:Board:1:b1", "Board b1", "_raw_tracker_scopes")


def test_parents_come_before_their_children_and_requests_are_counted(connected, tool):
    done = connected("run", "tracker", "b1", "--json")
    assert connected.rows("SELECT COUNT(*) FROM issue_comments") == [(3,)]
    assert done.json["requests"] == 4
    steps = [line for line in connected("run", "tracker").out.splitlines() if "collect" in line]
    assert [line.split(": ")[1] for line in steps] == ["collect issues", "collect comments"]


def test_collect_extracts_the_parents_that_children_need(connected):
    connected("run", "tracker", "collect", "b1")
    assert connected.rows("SELECT COUNT(*) FROM _tool_tracker_issues") == [(3,)]
    assert connected.rows("SELECT COUNT(*) FROM _raw_tracker_comments") == [(3,)]
    assert connected.rows("SELECT COUNT(*) FROM _tool_tracker_comments") == [(0,)]


def test_a_scope_that_is_not_saved_is_looked_up_in_the_tool_and_saved(connected):
    connected("run", "tracker", "Board b2")
    rows = connected.rows("SELECT id, url, _raw_data_params FROM _tool_tracker_boards")
    assert rows == [("b2", "http://t/b2", '{"ConnectionId":1,"ScopeId":"b2"}')]


def test_the_only_scope_of_a_tool_needs_no_name(connected, tool):
    tool.groups = {"g2": ["b3"]}
    done = connected("run", "tracker", "--json")
    assert [job["scope"] for job in done.json["jobs"]] == ["b3"]


def test_all_runs_every_saved_scope_of_every_plugin(connected):
    connected("run", "tracker", "b1")
    connected("run", "acrobat", "split")
    done = connected("run", "--all", "--json")
    assert {(job["plugin"], job["scope"]) for job in done.json["jobs"]} == {
        ("acrobat", "split"),
        ("tracker", "b1"),
    }
    assert connected("run", "acrobat,tracker", "--json").json["exit_code"] == 0


def test_all_leaves_out_what_is_broken_or_was_never_used(devlake, site):
    (site / "devlake_plugin_acrobat").unlink()
    done = devlake("run", "--all")
    assert "left out: plugin 'acrobat' (devlake-plugin-acrobat 1.0) is broken" in done.err
    assert "nothing to run: no scope is saved" in done.out
    assert devlake.rows("SELECT name FROM sqlite_master WHERE name LIKE '_tool_tracker%'") == []


def test_one_plugin_that_fails_leaves_the_other_alone(connected, tool):
    connected("run", "tracker", "b1")
    tool.status = 403
    connected("run", "acrobat", "split")
    done = connected("run", "tracker,acrobat", code=3)
    assert "tracker Board b1: failed" in done.out
    assert "acrobat Split: done" in done.out
    assert "all: 1 of 2 done, 1 failed" in done.out
    assert "error: tracker Board b1: collect issues: " in done.err
    assert "Traceback" not in done.all


def test_bad_records_are_counted_and_their_table_named(devlake):
    done = devlake("run", "acrobat", "bad", "--json")
    assert done.json["quarantined"] == 3
    text = devlake("run", "acrobat", "bad-2").out
    assert "3 bad records are in quarantine: table _raw_acrobat__quarantine" in text


@pytest.mark.parametrize(
    ("scope", "code", "words"),
    [
        ("raise", 1, "ValueError: the rope broke"),
        ("exit", 1, "sys.exit(0) was called"),
        ("refused", 2, "no entry"),
    ],
)
def test_what_a_plugin_raises_is_told_with_its_subtask(devlake, scope, code, words):
    done = devlake("run", "acrobat", scope, code=code)
    assert f"error: acrobat {scope.title()}: collect jumps: {words}" in done.err
    assert "Traceback" not in done.all
    shown = devlake("run", "acrobat", f"{scope}-2", "--debug", code=code)
    assert "Traceback" in shown.err


def test_a_plugins_crash_in_this_process_leaves_a_trace(devlake):
    done = devlake("run", "acrobat", "segv", code=None)
    assert done.code == -11
    assert "Segmentation fault" in done.err


def test_database_by_variable_and_by_option(devlake, tmp_path):
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    devlake("run", "acrobat", "split", DEVLAKE_DB_URL=f"sqlite:///{one}")
    devlake("run", "acrobat", "split", "--db", f"sqlite:///{two}", DEVLAKE_DB_URL="nonsense")
    assert one.exists()
    assert two.exists()
    assert not (devlake.folder / "devlake.db").exists()


def test_secret_variables_are_gone_before_a_plugin_sees_the_environment(devlake):
    variables = {
        "DEVLAKE_DB_URL": "sqlite:///env.db",
        "DB_URL": "mysql://u:p@h/d",
        "ENCRYPTION_SECRET": "something long",
        "PASSED_ON": "1",
    }
    for jobs in ("1", "2"):
        done = devlake("run", "acrobat", f"environment-{jobs}", "--jobs", jobs, **variables)
        assert "PASSED_ON" in done.err
        assert not {"DEVLAKE_DB_URL", "DB_URL", "ENCRYPTION_SECRET"} & set(done.err.split())


def test_a_legacy_plugin_is_run_by_its_path(devlake, tmp_path):
    folder = tmp_path / "oldfriend"
    folder.mkdir()
    (folder / "main.py").write_text(
        "import devlake_core as dl\n"
        "from helper import NUMBER\n"
        "class C(dl.Connection): pass\n"
        "class S(dl.ToolScope, table=True): pass\n"
        "class Thing(dl.ToolModel, table=True):\n    id: int = dl.Field(primary_key=True)\n"
        "class Things(dl.Stream[Thing]):\n"
        "    def collect(self, state, ctx):\n        yield {'id': NUMBER}, state\n"
        "class OldPlugin(dl.Plugin):\n"
        "    connection_type, tool_scope_type, streams = C, S, [Things]\n"
        "    def scope_from_argument(self, text):\n        return S(id='s', name='s')\n"
        "if __name__ == '__main__':\n    OldPlugin.start()\n"
    )
    (folder / "helper.py").write_text("NUMBER = 5\n")
    for jobs in ("1", "2"):
        done = devlake("run", "--legacy", str(folder / "main.py"), "--jobs", jobs, "--json")
        assert done.json["jobs"][0]["plugin"] == "oldfriend"
    assert devlake.rows("SELECT id FROM _tool_oldfriend_things") == [(5,)]
    main = str(folder / "main.py")
    devlake("connections", "add", main, "--name", "mine")
    assert [item["name"] for item in devlake("connections", "list", main, "--json").json] == [
        "default",
        "mine",
    ]
    assert devlake("run", main, "--connection", "mine", "--json").json["exit_code"] == 0


def test_lines_are_json_of_one_document(devlake):
    assert json.loads(devlake("run", "--all", "--json").out)["jobs"] == []
