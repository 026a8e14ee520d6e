"""The host of the tests has the habits that it is there for."""

import os
import signal

import pytest

from tests.bridge.gohost import Call, GoHost, HostDied


@pytest.fixture
def shim(tmp_path):
    """Write a plugin in shell: what it does, by method."""

    def write(**methods):
        folder = tmp_path / "shims" / "fake"
        folder.mkdir(parents=True, exist_ok=True)
        cases = "".join(
            f"{name.replace('_', '-')})\n{code}\n;;\n" for name, code in methods.items()
        )
        script = folder / "run.sh"
        script.write_text(f'#!/bin/sh\ncase "$1" in\n{cases}*) exit 2;; esac\n')
        script.chmod(0o755)
        return folder.parent

    return write


# What the runner does and a shell cannot say: wait until the host has read everything.
DRAIN = "sleep 0.3"


def test_the_arguments_are_those_of_the_server(go_host, shim):
    shims = shim(
        make_pipeline=f"""
        printf '{{"cwd":"%s","config":%s,"first":%s,\\n"second":%s,"count":%s}}' \
            "$PWD" "$2" "$3" "$4" "$#" >&3
        {DRAIN}"""
    )
    outcome = go_host.call(shims, "fake", "make-pipeline", [[{"id": "ä<"}, None]], {"id": 1})
    assert outcome.ok, outcome
    assert outcome.output == {
        "cwd": str(shims / "fake"),
        "config": {"log_level": ""},
        "first": [[{"id": "ä<"}, None]],
        "second": {"id": 1},
        "count": 4,
    }


def test_equal_outcomes_are_counted_together(go_host, shim):
    shims = shim(
        plugin_info=f"echo '{{}}' >&3; {DRAIN}",
        collect=f"""echo '{{"increment":1}}' >&3; {DRAIN}; exit 75""",
    )
    calls = [Call(shims, "fake", "plugin-info"), Call(shims, "fake", "collect", [{}, "x"])]
    info, collect = sorted(go_host.run(*calls, repeat=5, parallel=3), key=lambda o: o.call)
    assert (info.ok, info.output, info.count) == (True, {}, 5)
    assert (collect.ok, collect.status, collect.category) == (False, 75, "transient")
    assert (collect.lines, collect.count) == ([{"increment": 1}], 5)


def test_failures_that_differ_in_a_number_can_be_counted_together(go_host, shim):
    shims = shim(test_connection=f"echo trace $$ >&2; {DRAIN}; exit 1")
    call = Call(shims, "fake", "test-connection")
    masked = go_host.begin(call, repeat=3, mask="[0-9]{2,}", log=True).one()
    assert (masked.count, masked.stderr) == (3, "trace …\n")
    assert masked.log == [{"level": "ERROR", "text": "trace …"}]
    assert len(go_host.run(call, repeat=3)) == 3


def test_what_is_in_the_pipe_at_the_end_is_lost(go_host, shim):
    """H1: a shell that ends right after its output."""
    shims = shim(plugin_info="printf '{}' >&3")
    outcomes = go_host.run(Call(shims, "fake", "plugin-info"), repeat=200)
    lost = [outcome for outcome in outcomes if not outcome.ok]
    assert sum(outcome.count for outcome in lost) > 0
    assert "unexpected end of JSON input" in lost[0].error


def test_the_safe_way_loses_nothing(go_host, shim):
    shims = shim(plugin_info="printf '{}' >&3")
    outcomes = go_host.run(Call(shims, "fake", "plugin-info"), repeat=200, safe=True)
    assert [(outcome.ok, outcome.count) for outcome in outcomes] == [(True, 200)]


def test_a_slow_logger_brings_the_server_down(go_binary, shim):
    """H2: standard error that is still being delivered when the call ends."""
    shims = shim(test_connection="i=0; while [ $i -lt 50 ]; do echo $i >&2; i=$((i+1)); done")
    host = GoHost(go_binary)
    with pytest.raises(HostDied, match="send on closed channel"):
        host.run(Call(shims, "fake", "test-connection"), logger_ms=1, repeat=50)
    host.kill()
    host.close()


def test_a_cancel_is_noticed_at_a_message_only_and_once(go_host, shim):
    """H4 to H6."""
    shims = shim(
        collect="""
        trap 'echo "{\\"current\\":\\"cancelled\\"}" >&3; sleep 0.1; exit 143' TERM
        echo '{"increment":1}' >&3; sleep 0.5; echo '{}' >&3; sleep 0.3
        echo '{"increment":1}' >&3; sleep 0.1"""
    )
    call = Call(shims, "fake", "collect", [{}, "x"])
    first = go_host.begin(call, host="a", cancel_ms=200).one()
    assert "cancelled" in first.error
    assert 250 < first.after_cancel_ms[0] < 20_000
    second = go_host.begin(call, host="a", cancel_ms=200).one()
    assert second.ok
    assert second.lines == [{"increment": 1}, {}, {"increment": 1}]


def test_a_stream_that_cannot_start_hangs(go_host, tmp_path):
    """H8; a call is told."""
    assert go_host.call(tmp_path, "none", "collect", {}, "x", timeout_ms=300).hung
    assert "no such file" in go_host.call(tmp_path, "none", "plugin-info").error


def test_a_line_over_the_limit_ends_the_reading_silently(go_host, shim):
    """H3."""
    shims = shim(
        collect="""
        echo '{"increment":1}' >&3
        { printf '"'; head -c 5242880 /dev/zero | tr '\\0' x; echo '"'; } >&3
        sleep 0.2"""
    )
    outcome = go_host.call(shims, "fake", "collect", {}, "x")
    assert outcome.ok
    assert outcome.lines == [{"increment": 1}]


def test_a_refused_line_leaves_the_child_alone(go_host, shim, tmp_path):
    """H9."""
    ended = tmp_path / "ended"
    shims = shim(collect=f"""echo '{{"current":1.5}}' >&3; sleep 0.3; echo > '{ended}'""")
    outcome = go_host.call(shims, "fake", "collect", {}, "x", timeout_ms=10_000)
    assert "cannot unmarshal number 1.5" in outcome.error
    assert not ended.exists()


def test_a_reader_may_stop_or_close_its_pipe(go_host, shim):
    write = f"trap '' PIPE; echo '{{}}' >&3 || echo 'broken' >&2; {DRAIN}; exit 74"
    shims = shim(collect=f"sleep 0.2; {write}")
    closed = go_host.call(shims, "fake", "collect", {}, "x", close={3: 0})
    assert (closed.status, closed.category) == (74, "host")
    assert "broken" in closed.stderr
    stopped = go_host.call(shims, "fake", "collect", {}, "x", stop={3: 0}, host="other")
    assert (stopped.status, stopped.lines) == (74, [])
    assert "broken" not in stopped.stderr


def test_events_tell_the_process_and_its_lines(go_host, shim):
    shims = shim(
        collect="""echo '{"increment":1}' >&3; echo hello; exec sleep 60 >/dev/null 2>&1"""
    )
    request = go_host.begin(Call(shims, "fake", "collect", [{}, "x"]), follow=True, log=True)
    pid = request.until("started")["pid"]
    assert {request.until("line")["line"]["increment"], request.until("log")["text"]} == {
        1,
        "hello",
    }
    os.kill(pid, signal.SIGKILL)
    outcome = request.one()
    assert (outcome.status, outcome.signal, outcome.category) == (-1, 9, "crashed")
    assert outcome.log == [{"level": "INFO", "text": "hello"}]


def test_a_request_can_be_cancelled_and_its_environment_changed(go_host, shim, monkeypatch):
    shims = shim(
        remote_scopes="""
        echo "{\\"id\\":\\"$ONE$HOME\\"}" >&3
        exec sleep 60"""
    )
    monkeypatch.setenv("ONE", "2")
    call = Call(shims, "fake", "remote-scopes", [{}, ""])
    request = go_host.begin(call, follow=True, safe=True, env={"ONE": "1", "HOME": None})
    assert request.until("line")["line"] == {"id": "1"}
    request.cancel()
    outcome = request.one()
    assert (outcome.category, outcome.signal) == ("cancelled", 15)
    assert outcome.after_cancel_ms[0] < 20_000


def test_killing_the_host_is_no_failure_of_it(go_binary, shim):
    host = GoHost(go_binary)
    request = host.begin(
        Call(shim(collect="exec sleep 5"), "fake", "collect", [{}, "x"]), follow=True
    )
    os.kill(request.until("started")["pid"], signal.SIGTERM)
    host.kill()
    with pytest.raises(HostDied):
        request.wait()
    host.close()
