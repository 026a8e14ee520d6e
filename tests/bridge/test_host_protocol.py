"""Rows H of the fault table, as DevLake's server sees them: nothing is lost, nothing harms it."""

import json
import os
import threading
from collections import Counter

import pytest

from tests.bridge.server import THINGS, TOKEN, connection, task
from tests.bridge.shims import CONFIG

SUBTASKS = ("collect", "extract", "convert")


def mix(server, tmp_path, scopes):
    """Return calls of all methods; neighbours among the subtasks have scopes of their own."""
    calls = []
    for scope in scopes:
        about = task(tmp_path / "mix.db", scope=scope)
        calls += [
            server.of("plugin-info"),
            server.of("test-connection", connection()),
            server.of("remote-scopes", connection(), ""),
            server.of("make-pipeline", [[about["scope"], None]], connection()),
            *(server.of(verb, about, "things") for verb in SUBTASKS),
        ]
    return calls


def is_whole(method, outcome):
    """Say whether everything that a call gives has come."""
    if not outcome.ok:
        return False
    if method == "remote-scopes":
        return [line["id"] for line in outcome.lines] == ["g"]
    if method in {"collect", "extract"}:
        told = [line for line in outcome.lines if line]
        last = told[-1]["current"] if told else 0
        # An extract does what was collected since the last one: by one run, several or none.
        whole = last == THINGS if method == "collect" else last % THINGS == 0
        return whole and last == sum(line["increment"] for line in told)
    if method == "convert":
        return not [line for line in outcome.lines if line]
    key = {"plugin-info": "subtask_metas", "test-connection": "success", "make-pipeline": "plan"}
    return bool(outcome.output[key[method]])


def lost(server, calls, **options):
    """Make calls; return how many were made and what was lost, by method."""
    made, missing = 0, Counter()
    for outcome in server.run(*calls, **options):
        made += outcome.count
        method = calls[outcome.call].method
        if not is_whole(method, outcome):
            missing[f"{method}: {outcome.error} {outcome.lines}"] += outcome.count
    return made, dict(missing)


@pytest.mark.timeout(600)
def test_h1_nothing_is_lost(server, tmp_path):
    rounds, many = {"warm": (6, 250), "cold": (1, 3)}[server.mode]
    calls = mix(server, tmp_path, "a")
    assert lost(server, calls, repeat=rounds) == (rounds * 7, {})
    quick = [call for call in calls if call.method not in SUBTASKS]
    repeat = -(-many // len(quick))
    assert lost(server, quick, repeat=repeat, parallel=2) == (repeat * len(quick), {})


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_h1_nothing_is_lost_of_very_many(server, tmp_path):
    number = {"warm": 10_000, "cold": 500}[server.mode]
    calls = mix(server, tmp_path, "abcdef")
    repeat = -(-number // len(calls))
    assert lost(server, calls, repeat=repeat, parallel=4) == (repeat * len(calls), {})


LINES = (1, 3, 20, 190)


def test_h2_errors_arrive_whole_and_without_a_panic(server):
    many = server.few(LINES)
    calls = [server.of("test-connection", connection(f"logs {n}")) for n in many]
    outcomes = []
    for logger_ms in server.few([0, 0.2, 1]):
        outcomes += server.run(*calls, repeat=3, parallel=2, logger_ms=logger_ms)
    assert sum(outcome.count for outcome in outcomes) == {"warm": 36, "cold": 3}[server.mode]
    for outcome in outcomes:
        number = many[outcome.call]
        said = outcome.stderr.splitlines()
        assert said[:number] == [f"ERROR unruly: error line {n}" for n in range(number)]
        assert said[number].startswith("ValueError: and then it failed")
        assert said[-1].startswith("trace: ")
        assert outcome.status == 1


def test_h2_of_more_errors_than_the_text_holds_the_first_are_in_the_log(server):
    # The server's own way tells of a failure while its log is still being written.
    outcome = server.call("test-connection", connection("logs 500"), safe=True, log=True)
    said = outcome.stderr.splitlines()
    assert len(said) == 200
    assert said[-1].startswith("trace: ")
    logged = [entry["text"] for entry in outcome.log if "error line" in entry["text"]]
    assert Counter(logged) == Counter(f"ERROR unruly: error line {n}" for n in range(500))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_h2_a_thousand_failures_do_not_bring_the_server_down(server):
    """Tracebacks of 200 lines, errors of 200 lines, and a logger that takes its time."""
    calls = [server.of("test-connection", connection(what)) for what in ("deep", "logs 195")]
    repeat = {"warm": 500, "cold": 50}[server.mode]
    outcomes = server.run(*calls, repeat=repeat, parallel=2, logger_ms=1)
    assert sum(outcome.count for outcome in outcomes) == repeat * len(calls)
    for outcome in outcomes:
        said = outcome.stderr.splitlines()
        assert outcome.status == 1
        assert said[-1].startswith("trace: ")
        # Beside the lines that were logged: error, plugin, method, hint and trace.
        assert len(said) == 195 * outcome.call + 5


def test_h2_a_long_traceback_is_one_line_of_the_log(server):
    outcome = server.call("test-connection", connection("deep"), log=True, logger_ms=1)
    assert "too deep" in outcome.stderr.splitlines()[0]
    (trace,) = [entry["text"] for entry in outcome.log if "Traceback" in entry["text"]]
    assert trace.count("in down") > 3


def test_h7_what_a_plugin_prints_is_log_and_nothing_else(server, tmp_path):
    words = {
        "test-connection": [connection("prints")],
        "remote-scopes": [connection("prints"), ""],
        "collect": [task(tmp_path / "x.db", "prints"), "things"],
    }
    for method, arguments in server.few(list(words.items())):
        outcome = server.call(method, *arguments, log=True)
        assert is_whole(method, outcome), outcome
        logged = Counter(
            entry["text"].replace(TOKEN, "!") for entry in outcome.log if entry["level"] == "INFO"
        )
        assert logged["printed ***"] == logged["complained"] == 1
        assert logged["raw stdout"] == logged["from C"] == 1
        # What was meant for descriptor 2 is there, what was for 3 is nowhere.
        assert logged['{"increment":99,"current":99,"total":99}'] == 1
        assert outcome.stderr == ""


NEAR_THE_LIMIT = 127 << 10


def test_h8_an_argument_of_127_kib_arrives(server, tmp_path):
    context = task(tmp_path / "x.db", options={"pad": ""})
    context["options"]["pad"] = "x" * (NEAR_THE_LIMIT - len(json.dumps(context)))
    outcome = server.call("collect", context, "things")
    assert is_whole("collect", outcome), outcome


def test_h8_250_scopes_are_planned_at_once(server):
    scopes = [
        [{"id": f"group/project-{n}", "name": f"Project {n} " + "x" * 200, "connectionId": 1}, None]
        for n in range(250)
    ]
    outcome = server.call("make-pipeline", scopes, connection())
    assert outcome.ok, outcome
    planned = [item["options"]["scopeId"] for stage in outcome.output["plan"] for item in stage]
    assert planned == [f"group/project-{n}" for n in range(250)]


BAD = {
    "no_object": (["test-connection", "CONFIG", f'"{TOKEN}"'], 65),
    "empty": (["test-connection", "CONFIG", ""], 65),
    "no_utf8": (["test-connection", "CONFIG", f'{{"token": "{TOKEN}\udcff"}}'], 65),
    "deep": (["test-connection", "CONFIG", f'{{"{TOKEN}":' + "[" * 60_000], 65),
    "no_config": (["collect", "CONFIG", f'{{"db_url": 3, "connection": "{TOKEN}"}}', '"x"'], 65),
    "too_many": (["test-connection", "CONFIG", "{}", f'{{"token": "{TOKEN}"}}'], 2),
    "unknown": ([f"give-me-{TOKEN}", "CONFIG"], 2),
    "unknown_no_utf8": ([f"\udcff{TOKEN}", "CONFIG"], 2),
    "empty_method": ([""], 2),
    "none": (["test-connection", "CONFIG"], 2),
    "no_json": (["test-connection", "CONFIG", f'{{"token": "{TOKEN}", '], 65),
}


def test_h8_a_bad_argument_is_refused_without_repeating_it(server):
    env = {name: text for name, text in server.env.items() if text is not None}
    for what in server.few(list(BAD)):
        words, status = BAD[what]
        words = [CONFIG if word == "CONFIG" else word for word in words]
        found, results, log, errors = server.shims.shim("unruly", *words, env=env)
        assert (found, results) == (status, ""), (what, errors)
        assert errors
        if not what.startswith("unknown"):
            assert TOKEN not in log + errors, what


def test_h8_a_call_without_a_method_is_refused(lasting_shims):
    assert lasting_shims.shim("unruly")[:2] == (2, "")


def test_h9_a_shim_may_be_replaced_at_any_time(server):
    """A sync of the operator's renames a new file into its place."""
    shim = server.shims.folder / "unruly" / "run.sh"
    text, done = shim.read_bytes(), threading.Event()

    def replace():
        while not done.is_set():
            new = shim.with_name("run.sh.new")
            new.write_bytes(text)
            new.chmod(0o755)
            os.rename(new, shim)

    thread = threading.Thread(target=replace)
    thread.start()
    repeat = {"warm": 40, "cold": 4}[server.mode]
    try:
        outcomes = server.run(server.of("test-connection", connection()), repeat=repeat, parallel=2)
    finally:
        done.set()
        thread.join()
    assert [(outcome.ok, outcome.count) for outcome in outcomes] == [(True, repeat)], outcomes
