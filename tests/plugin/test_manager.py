from __future__ import annotations

import logging
from collections import Counter
from types import SimpleNamespace

import pytest

import devlake_core as dl
from devlake_core.api.runtime import Call
from devlake_core.errors import APIException, ConfigError, HookError, PluginLoadError, UsageError
from devlake_core.plugin.events import Subtask
from devlake_core.plugin.manager import Host
from devlake_core.plugin.records import PluginRecord

LOAD_ALL = """
from json import dumps
from os import environ
from devlake_core.errors import PluginLoadError
from devlake_core.plugin.manager import Host
from devlake_core.plugin.records import PluginRecord
host = Host()
for record in host.records():
    if record.kind == "plugin":
        # Only who never ends meets the limit, however slow the machine is.
        environ["DEVLAKE_IMPORT_SECONDS"] = "1" if record.name == "sleeper" else "250"
        try:
            host.load(record.name)
        except PluginLoadError as error:
            assert record.source in str(error), error
            assert error.hint and error.exit_code == 78
print(dumps({r.distribution: r.as_dict() for r in host.records()}))
"""

BAD = {
    "devlake-plugin-lame": ("import", "No module named 'a_module_that_nobody_has'"),
    "devlake-plugin-quitter": ("import", "sys.exit(3)"),
    "devlake-plugin-sleeper": ("timeout", "did not end within"),
    "devlake-plugin-misfit": ("hook", "devlake_before_request"),
    "devlake-plugin-flaky": ("hook", "ValueError: the second one is missing"),
    "devlake-plugin-flood": ("hook", "more than 10,000 values"),
    "devlake-plugin-github": ("reserved", "'github'"),
    "devlake-plugin-misnamed": ("invalid", "'othername'"),
    "devlake-plugin-twin-one": ("conflict", "devlake-plugin-twin-two 1.0"),
    "devlake-plugin-twin-two": ("conflict", "devlake-plugin-twin-one 1.0"),
    "devlake-hooks-typo": ("hook", "devlake_before_request is meant"),
    "devlake-hooks-late": ("hook", "OSError: the list of streams broke off"),
}

GOOD_AND_BAD = """
good_a good_b broken_import exits hangs wrong_hook late_generator flood reserved_name
misnamed duplicate_one duplicate_two hooks_unknown hooks_late rude
"""
WHEELS = GOOD_AND_BAD.split()


def test_good_plugins_work_in_one_process_beside_every_kind_of_bad_one(python):
    found = python(LOAD_ALL, *WHEELS)
    assert found["devlake-plugin-alpha"]["state"] == "ok"
    assert found["devlake-plugin-beta"]["state"] == "ok"
    for distribution, (cause, words) in BAD.items():
        record = found[distribution]
        assert (distribution, record["state"], record["cause"]) == (distribution, "broken", cause)
        assert words in record["reason"]
        assert record["version"]
        assert record["hint"]


def test_two_plugins_with_equal_class_names_have_tables_of_their_own(python):
    code = """
import json
from devlake_core.plugin.manager import Host
from devlake_core.plugin.records import PluginRecord
host = Host()
print(json.dumps([host.load(name).get_stream("issues").tool_model.__tablename__
                  for name in ("alpha", "beta")]))
"""
    assert python(code, "good_a", "good_b") == ["_tool_alpha_issues", "_tool_beta_issues"]


def test_what_a_rude_guest_changed_is_put_back(python):
    code = """
import json, locale, os, signal, socket, logging
logging.basicConfig(format="%(message)s")
from devlake_core.plugin.manager import Host
from devlake_core.plugin.records import PluginRecord
def around():
    return [os.getcwd(), str(signal.getsignal(signal.SIGTERM)), socket.getdefaulttimeout(),
            locale.setlocale(locale.LC_ALL)]
locale.setlocale(locale.LC_ALL, "C.UTF-8")
before, dumps = around(), json.dumps
Host().load("rude")
print(dumps([before, around()]))
"""
    before, after = python(code, "rude")
    assert before == after
    assert "plugin 'rude' (devlake-plugin-rude 1.0) changed signal handlers" in python.stderr


class Connection(dl.Connection):
    endpoint: str = "http://localhost"


class Scope(dl.ToolScope, table=True):
    pass


class Thing(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)


class Tracker(dl.Plugin):
    name = "tracker"
    connection_type = Connection
    tool_scope_type = Scope


class Other(Tracker):
    name = "other"


@pytest.fixture
def host():
    return Host([], strict=False)


@pytest.fixture
def call():
    request = dl.Request("http://localhost/things")
    return Call(plugin="tracker", stream="things", connection=None, request=request)


def guest(**functions):
    return SimpleNamespace(**functions)


def hook(name, note, **options):
    """Return a hook that notes its name, as (hook name, function)."""

    @dl.hookimpl(specname=name, **options)
    def implementation(call):
        call.request.headers[note] = str(len(call.request.headers))

    return implementation


def headers(host, call, plugin="tracker"):
    host.runtime_hooks(plugin).before_request(call)
    return list(call.request.headers)


def test_an_unknown_plugin_is_named_with_what_is_near(host):
    host.add(Tracker())
    with pytest.raises(UsageError, match="no plugin 'trakcer'") as raised:
        host.load("trakcer")
    assert raised.value.hint == "did you mean tracker?"
    assert raised.value.exit_code == 2


def test_a_broken_plugin_is_not_loaded_and_says_why(host, python):
    code = """
import json
from devlake_core.errors import PluginLoadError
from devlake_core.plugin.manager import Host
from devlake_core.plugin.records import PluginRecord
try:
    Host().load("lame")
except PluginLoadError as error:
    print(json.dumps([str(error), error.hint, error.exit_code]))
"""
    message, hint, status = python(code, "broken_import")
    assert "plugin 'lame' (devlake-plugin-lame 1.0) is broken" in message
    assert "a_module_that_nobody_has" in message
    assert "a_module_that_nobody_has" in hint
    assert status == 78


def test_shared_hooks_run_in_the_order_of_their_names_and_ours_before(host, call):
    host.add_hooks("built_in", guest(devlake_before_request=hook("devlake_before_request", "0")))
    host.add_hooks("second", guest(devlake_before_request=hook("devlake_before_request", "1")))
    host.add(Tracker())
    assert headers(host, call) == ["0", "1"]


def test_installed_hooks_are_sorted_by_name(python):
    code = """
import json
from devlake_core.plugin.manager import Host
from devlake_core.plugin.records import PluginRecord
host = Host()
host.load_hooks()
print(json.dumps([guest.record.name for guest in host._guests()]))
"""
    found = python(code, "hooks_order", "hooks_raising", "good_a")
    assert [name for name in found if name != "company"] == ["moody", "order"]


def test_tryfirst_and_trylast_hold_among_the_shared_hooks(host, call):
    for name, note, options in (
        ("a", "last", {"trylast": True}),
        ("b", "middle", {}),
        ("c", "first", {"tryfirst": True}),
    ):
        host.add_hooks(
            name, guest(devlake_before_request=hook("devlake_before_request", note, **options))
        )
    host.add(Tracker())
    assert headers(host, call) == ["first", "middle", "last"]


def test_a_data_sources_hooks_run_for_itself_alone_and_before_the_shared(host, call):
    class Listening(Tracker):
        @dl.hookimpl
        def devlake_before_request(self, call):
            call.request.headers["own"] = "1"

    host.add_hooks("shared", guest(devlake_before_request=hook("devlake_before_request", "all")))
    host.add(Listening())
    host.add(Other())
    assert headers(host, call) == ["own", "all"]
    call.request.headers.clear()
    assert headers(host, call, "other") == ["all"]


def test_a_hook_can_be_for_some_data_sources_only(host, call):
    only = hook("devlake_before_request", "secret", plugins=("other",))
    host.add_hooks("shared", guest(devlake_before_request=only))
    host.add(Tracker())
    host.add(Other())
    assert headers(host, call) == []
    assert headers(host, call, "other") == ["secret"]


def test_a_shared_hook_that_raises_is_noted_and_left_out_and_the_others_run(host, call, caplog):
    asked = []

    @dl.hookimpl
    def devlake_before_request(call):
        asked.append(call)
        raise ValueError("no \x1b[31mheader")

    record = host.add_hooks("moody", guest(devlake_before_request=devlake_before_request))
    host.add_hooks("other", guest(devlake_before_request=hook("devlake_before_request", "other")))
    host.add(Tracker())
    with caplog.at_level(logging.WARNING):
        assert headers(host, call) == ["other"]
        assert headers(host, call) == ["other"]
    assert len(asked) == len(caplog.records) == 1
    assert "devlake_before_request of hooks 'moody'" in caplog.records[0].message
    assert "ValueError: no header" in caplog.records[0].message
    assert (record.state, record.cause) == ("broken", "hook")


def test_under_strict_a_shared_hook_that_raises_ends_the_run(call):
    @dl.hookimpl
    def devlake_before_request(call):
        raise SystemExit(5)

    host = Host([], strict=True)
    host.add_hooks("moody", guest(devlake_before_request=devlake_before_request))
    host.add(Tracker())
    with pytest.raises(HookError, match="moody") as raised:
        host.runtime_hooks("tracker").before_request(call)
    assert raised.value.hook == "devlake_before_request"


def test_a_data_sources_own_hook_that_raises_is_its_own_failure(host, call):
    class Listening(Tracker):
        @dl.hookimpl
        def devlake_before_request(self, call):
            raise KeyError("header")

    host.add(Listening())
    with pytest.raises(HookError, match="plugin 'tracker'") as raised:
        host.runtime_hooks("tracker").before_request(call)
    assert raised.value.exit_code == 1


def test_an_error_that_a_hook_means_goes_on_its_way(host, call):
    @dl.hookimpl
    def devlake_after_response(call):
        raise APIException(SimpleNamespace(status=401, request=call.request))

    record = host.add_hooks("strict", guest(devlake_after_response=devlake_after_response))
    host.add(Tracker())
    with pytest.raises(APIException):
        host.runtime_hooks("tracker").after_response(call)
    assert record.state == "ok"


def test_a_returned_request_is_a_mistake_that_is_told(host, call, caplog):
    @dl.hookimpl
    def devlake_before_request(call):
        return call.request

    host.add_hooks("eager", guest(devlake_before_request=devlake_before_request))
    host.add(Tracker())
    headers(host, call)
    assert "assign to call.request" in caplog.text


def test_the_first_resolution_wins_and_other_values_are_mistakes(host, call, caplog):
    def resolving(value):
        @dl.hookimpl
        def devlake_resolve_response(call):
            return value

        return guest(devlake_resolve_response=devlake_resolve_response)

    first, second = dl.Resolution.skip("gone"), dl.Resolution.retry()
    for name, value in (("a", None), ("b", True), ("c", first), ("d", second)):
        host.add_hooks(name, resolving(value))
    host.add(Tracker())
    assert host.runtime_hooks("tracker").resolve_response(call) is first
    assert "it returned bool, not a Resolution or None" in caplog.text


def test_hooks_about_subtasks_are_told_before_after_and_of_errors(host):
    told = []

    class Listener:
        @dl.hookimpl
        def devlake_before_subtask(self, subtask):
            told.append(("before", subtask.stream))

        @dl.hookimpl
        def devlake_after_subtask(self, subtask, counts):
            told.append(("after", counts["records"]))

        @dl.hookimpl
        def devlake_on_subtask_error(self, subtask, error):
            told.append(("error", str(error)))

    host.add_hooks("listener", Listener())
    host.add(Tracker())
    hooks = host.runtime_hooks("tracker")
    subtask = Subtask("tracker", "things", "collect", "work", "1")
    hooks.before_subtask(subtask)
    hooks.after_subtask(subtask, Counter(records=3))
    hooks.on_subtask_error(subtask, ValueError("no"))
    assert told == [("before", "things"), ("after", 3), ("error", "no")]


@pytest.mark.parametrize("half", ["before", "after", "twice", None])
def test_a_wrapper_runs_around_the_others_and_may_fail_in_each_half(host, call, caplog, half):
    seen = []

    @dl.hookimpl(wrapper=True)
    def devlake_before_request(call):
        if half == "before":
            raise ValueError(half)
        result = yield
        seen.append(list(call.request.headers))
        if half == "after":
            raise ValueError(half)
        if half == "twice":
            yield
        return result

    host.add_hooks("around", guest(devlake_before_request=devlake_before_request))
    host.add_hooks("inner", guest(devlake_before_request=hook("devlake_before_request", "inner")))
    host.add(Tracker())
    assert headers(host, call) == ["inner"]
    assert seen == ([] if half == "before" else [["inner"]])
    assert ("around" in caplog.text) is (half is not None)


def test_shared_hooks_add_a_stream_to_somebody_elses_plugin(host):
    class Extra(dl.Stream):
        pass

    @dl.hookimpl(plugins=("tracker",))
    def devlake_streams(plugin):
        yield Extra

    host.add_hooks("more", guest(devlake_streams=devlake_streams))
    host.add(Tracker())
    host.add(Other())
    assert [stream.name for stream in host.load("tracker").all_streams] == ["extra"]
    assert host.load("other").all_streams == []


def test_an_added_stream_that_does_not_fit_costs_the_package_that_added_it(host, caplog):
    class Absent(dl.Stream):
        pass

    class Extra(dl.Substream):
        parent_stream = Absent

    @dl.hookimpl
    def devlake_streams(plugin):
        return [Extra]

    record = host.add_hooks("more", guest(devlake_streams=devlake_streams))
    host.add(Tracker())
    assert record.state == "broken"
    assert "left out" in caplog.text
    assert host.load("tracker").all_streams == []


def test_a_hook_without_its_mark_is_told_instead_of_never_called(host):
    def devlake_after_response(call):
        pass

    with pytest.raises(PluginLoadError, match="devlake_after_response is not marked"):
        host.add_hooks("forgetful", guest(devlake_after_response=devlake_after_response))


class CompanyPages(dl.Paginator):
    pass


@dl.hookimpl
def devlake_paginators():
    yield CompanyPages
    yield "company_pages", CompanyPages


def paging(api, stream):
    class PagingAPI(dl.API):
        paginator = api

    class Things(dl.RestStream[Thing]):
        paginator = stream

    class Paging(Tracker):
        api_type = PagingAPI
        streams = [Things]

    return Paging()


def test_a_paginator_is_taken_by_its_name(host):
    host.add_hooks("pages", guest(devlake_paginators=devlake_paginators))
    plugin = paging("company_pages", "companypages")
    host.add(plugin)
    assert isinstance(plugin.api_type.paginator, CompanyPages)
    assert isinstance(plugin.all_streams[0].paginator, CompanyPages)


def test_a_data_sources_paginators_are_its_own(host):
    own = paging("company_pages", None)
    type(own).devlake_paginators = staticmethod(devlake_paginators)
    host.add(own)
    assert isinstance(own.api_type.paginator, CompanyPages)
    other = paging(None, "company_page")
    with pytest.raises(PluginLoadError, match="paginator 'company_page', which nobody") as caught:
        host.add(other)
    assert "stream 'things'" in caught.value.message
    assert "there are: none" in caught.value.hint


def test_a_paginators_name_alone_leads_nowhere():
    class Lost(dl.API):
        base_url, paginator = "http://127.0.0.1:9", "company_pages"

    with pytest.raises(ConfigError, match="'company_pages' is known by its name alone"):
        next(Lost().pages(dl.Request("x")))


@pytest.mark.parametrize("name", ["devlake_connection_types", "devlake_scopes"])
def test_shared_hooks_register_no_types_of_a_data_source(host, name):
    @dl.hookimpl(specname=name)
    def register():
        yield "tracker", object

    with pytest.raises(PluginLoadError, match=f"{name} is for data sources alone"):
        host.add_hooks("types", guest(register=register))


@pytest.mark.parametrize(
    ("variable", "level"), [("DEVLAKE_PLUGINS", "WARNING"), ("DEVLAKE_DISABLED_PLUGINS", "INFO")]
)
def test_hooks_that_an_allow_list_forgets_are_warned_of(variable, level, caplog):
    record = PluginRecord("hooks", "audit", "devlake-hooks-audit", "1.0", "no_such_module")
    record.state, record.reason = "disabled", f"{variable} …"
    with caplog.at_level(logging.INFO):
        Host([record], strict=True).load_hooks()
    assert [item.levelname for item in caplog.records] == [level]
