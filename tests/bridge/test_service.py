"""The shared service: it makes calls quick, and no call depends on it."""

import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devlake_core.bridge import wire
from tests.bridge.beside import (
    COLD,
    Direct,
    Running,
    after_loading,
    ask,
    is_root,
    kill,
    services,
    socket_of,
    start_anew,
    state_of,
    told,
    until,
    worker_of,
)
from tests.bridge.installed import Site, code
from tests.bridge.server import connection, gone_after, in_time, runs, task
from tests.bridge.shims import CONFIG, UNRULY, synced

NOBODY = 65534
as_root = pytest.mark.skipif(not is_root(), reason="only root may become another user")


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def good(shims, **how):
    return shims.shim("unruly", "test-connection", CONFIG, connection(), **how)[0] == 0


@pytest.fixture
def warm_shims(unruly_shims):
    unruly_shims.warm("unruly")
    return unruly_shims


@pytest.fixture
def fresh():
    """Yield a function that makes a folder of shims of its own."""
    made = []

    def make(**env):
        context = synced(UNRULY, **env)
        made.append(context)
        return context.__enter__()

    yield make
    for context in made:
        context.__exit__(None, None, None)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site-packages")


def test_d1_a_killed_service_is_replaced_by_the_next_call(warm_shims):
    before = services(warm_shims)
    kill(before[0])
    until(lambda: not services(warm_shims))
    start_anew(warm_shims)
    assert good(warm_shims)
    warm_shims.warm("unruly")
    assert good(warm_shims)
    assert services(warm_shims) not in ([], before)


def test_d1_a_call_goes_on_when_the_service_is_killed(warm_shims):
    call = Running(warm_shims, "unruly", "test-connection", CONFIG, connection("slow 1"))
    worker_of(warm_shims)
    kill(services(warm_shims)[0])
    status, output, _, _ = call.end()
    assert (status, json.loads(output)["success"]) == (0, True)
    start_anew(warm_shims)


def test_d1_a_killed_keeper_fails_its_call_and_no_other(warm_shims):
    call = Running(warm_shims, "unruly", "test-connection", CONFIG, connection("sleeps 60"))
    worker = worker_of(warm_shims)
    kill(state_of(warm_shims, "unruly")["pid"])
    status, _, _, errors = call.end()
    assert status == 70
    assert "unruly test-connection: the process that ran it was ended" in errors
    gone_after(worker)
    assert good(warm_shims)
    warm_shims.warm("unruly")


def test_d2_stale_files_are_in_nobodys_way(fresh):
    shims = fresh()
    shims.warm("unruly")
    shims.stop()
    (folder,) = shims.run.iterdir()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        for name in ("service.socket", "unruly.plugin"):
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(folder / name))
        for name in ("service.lock", "start.lock"):
            (folder / name).write_text(str(bystander.pid))
        os.utime(folder / "start.lock", (0, 0))
        assert good(shims)
        until(lambda: state_of_listening(shims) == "ready")
        assert good(shims)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def state_of_listening(shims):
    try:
        return state_of(shims, "unruly").get("state")
    except OSError:
        return None


@pytest.mark.parametrize("clients", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_d3_clients_that_come_at_once_start_one_service(fresh, clients):
    shims = fresh()
    barrier = threading.Barrier(clients)

    def one(_):
        barrier.wait()
        return good(shims)

    with ThreadPoolExecutor(clients) as pool:
        assert list(pool.map(one, range(clients))) == [True] * clients
    shims.warm("unruly")
    assert len(services(shims)) == 1
    assert shims.logs().count(" serves ") == 1


def replace_package(site, version):
    """Do what pip does: out of the way with the old files, then one new file after the other."""
    package = site.package("twin")
    info = site.folder / "devlake_plugin_twin-1.0.dist-info"
    aside = site.folder / "~evlake_plugin_twin"
    package.rename(aside)
    old = site.folder / "~evlake_plugin_twin-1.0.dist-info"
    info.rename(old)
    package.mkdir()
    for name in ("part.py", "__init__.py"):
        time.sleep(0.02)
        (package / name).write_text((aside / name).read_text().replace("= '", f"= '{version}"))
    info.mkdir()
    for name in ("METADATA", "entry_points.txt", "RECORD"):
        (info / name).write_text(
            (site.folder / f"~evlake_plugin_twin-1.0.dist-info/{name}").read_text()
        )
    shutil.rmtree(aside)
    shutil.rmtree(site.folder / "~evlake_plugin_twin-1.0.dist-info")


@pytest.mark.parametrize(
    ("calls", "times"), [(12, 2), pytest.param(200, 12, marks=pytest.mark.slow)]
)
def test_d4_each_call_is_wholly_of_one_version(site, calls, times):
    top = "from .part import VERSION as PART\nVERSION = 'v'"
    site.install("twin", code("twin", top=top, message="f'{VERSION} {PART}'"))
    (site.package("twin") / "part.py").write_text("VERSION = 'v'\n")
    site.age()
    with synced(**site.env) as shims:
        shims.warm("twin")

        def one(_):
            status, output, log, errors = shims.shim(
                "twin", "test-connection", CONFIG, {"name": "x"}
            )
            assert status == 0, log + errors
            return json.loads(output)["message"]

        with ThreadPoolExecutor(3) as pool:
            answers = pool.map(one, range(calls))
            for number in range(times):
                time.sleep(1.5)
                replace_package(site, number)
            said = list(answers)
        said.append(one(0))
        assert {
            tuple(set(answer.split())) for answer in said if len(set(answer.split())) > 1
        } == set()
        newest = "".join(str(number) for number in reversed(range(times))) + "v"
        assert said[-1] == f"{newest} {newest}"
        if calls > 100:
            # A service that is out of date notices it within ten seconds.
            until(lambda: len(services(shims)) <= 1)


NONSENSE = {
    "garbage": b"\xff\x00garbage\n",
    "no object": b"[1]\n",
    "half a line": b'{"do": "call"',
    "a long line": b"x" * (wire.LIMIT + (1 << 20)),
    "a deep line": b"[" * 10_000 + b"]" * 10_000 + b"\n",
    "strange values": b'{"do": ["stop"]}\n{"cancel": "now"}\n{"cancel": NaN}\n{"do": "load"}\n',
    "half a call": b'{"do": "call", "plugin": "unruly"}\n',
}


@pytest.mark.parametrize("to", ["service", "keeper"])
@pytest.mark.parametrize("what", NONSENSE)
def test_d5_nonsense_hurts_neither_service_nor_keeper(warm_shims, what, to):
    path = socket_of(warm_shims, "unruly" if to == "keeper" else "")
    pid = ask(path, {"do": "status"})["pid"]
    sizes = []
    # The allocator keeps what one long line needed; more of them need no more.
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(10)
            talk.connect(str(path))
            try:
                talk.sendall(NONSENSE[what])
            except OSError:
                assert what == "a long line", "it hung up too early"
            assert ask(path, {"do": "status"})["pid"] == pid
        assert ask(path, {"do": "status"})["pid"] == pid
        sizes.append(resident(pid))
    assert (sizes[-1] - sizes[1]) * os.sysconf("SC_PAGE_SIZE") < 4 << 20


def test_d5_descriptors_in_plenty_are_not_kept(warm_shims):
    path = socket_of(warm_shims, "unruly")
    pid = ask(path, {"do": "status"})["pid"]
    with socket.socket(socket.AF_UNIX) as talk, open(os.devnull) as nowhere:
        talk.connect(str(path))

        def hung_up():
            try:
                socket.send_fds(talk, [b"{"], [nowhere.fileno()] * 2)
            except OSError:
                return True
            return False

        until(hung_up)
        assert ask(path, {"do": "status"})["pid"] == pid
    if is_root():
        assert len(os.listdir(f"/proc/{pid}/fd")) < 20


@pytest.mark.parametrize("what", ["open to others", "a link", "another user's"])
def test_d6_a_folder_that_others_could_have_made_is_not_used(tmp_path, unruly_shims, what):
    run = tmp_path / "run"
    if what == "a link":
        (tmp_path / "real").mkdir(mode=0o700)
        run.symlink_to(tmp_path / "real")
    else:
        run.mkdir(mode=0o700)
        if what == "open to others":
            run.chmod(0o777)
        elif is_root():
            os.chown(run, NOBODY, NOBODY)
        else:
            pytest.skip("only root can give a folder away")
    mode = stat.S_IMODE(os.stat(run).st_mode)
    assert good(unruly_shims, env={"DEVLAKE_RUNDIR": str(run)})
    assert list(run.iterdir()) == []
    assert stat.S_IMODE(os.stat(run).st_mode) == mode


SQUAT = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
os.setuid(int(sys.argv[2]))
listener.listen()  # the other end is told of the user that listens
print("ready", flush=True)
while True:
    talk, _ = listener.accept()
    print(talk.recv(65536), flush=True)
"""


@as_root
def test_d6_a_server_of_another_user_is_told_nothing(fresh):
    shims = fresh()
    shims.warm("unruly")
    shims.stop()
    (folder,) = shims.run.iterdir()
    squatter = subprocess.Popen(
        [sys.executable, "-c", SQUAT, str(folder / "unruly.plugin"), str(NOBODY)],
        stdout=subprocess.PIPE,
    )
    with squatter:
        assert squatter.stdout.readline() == b"ready\n"
        assert good(shims)
        squatter.kill()
        assert squatter.stdout.read() in {b"", b"b''\n"}


INTRUDE = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
talk = socket.socket(socket.AF_UNIX)
talk.settimeout(10)
talk.connect(sys.argv[1])
try:
    talk.sendall(b'{"do": "stop"}\\n')
    print(talk.recv(100))
except OSError as error:
    print("refused")
"""


@as_root
@pytest.mark.parametrize("to", ["service", "keeper"])
def test_d6_another_user_is_refused(warm_shims, to):
    path = socket_of(warm_shims, "unruly" if to == "keeper" else "")
    folders = (warm_shims.run, path.parent)
    for folder in folders:
        folder.chmod(0o711)
    path.chmod(0o777)
    try:
        command = [sys.executable, "-c", INTRUDE, str(path), str(NOBODY)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert said in {"b''\n", "refused\n"}
    assert good(warm_shims)
    assert state_of(warm_shims, "unruly")["state"] == "ready"


def test_d7_each_call_has_its_own_surroundings(warm_shims):
    def tell(umask, **env):
        call = Running(
            warm_shims,
            "unruly",
            "test-connection",
            CONFIG,
            connection("tells"),
            env=env,
            prepare=lambda: os.umask(umask),
        )
        status, _, log, _ = call.end()
        assert status == 0
        return told(log)

    one = tell(0o022, TZ="America/Lima", LC_ALL="C", ONLY_ONE="1")
    two = tell(0o077, TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
    assert one["ppid"] == two["ppid"], "they did not share a keeper"
    assert [said["umask"] for said in (one, two)] == [0o022, 0o077]
    assert [said["tzname"][0] for said in (one, two)] == ["-05", "JST"]
    assert [said["locale"] for said in (one, two)] == ["C", "C.UTF-8"]
    assert [said["environ"].get("ONLY_ONE") for said in (one, two)] == ["1", None]
    assert one["cwd"] == two["cwd"] == str(warm_shims.folder / "unruly")
    assert one["random"] != two["random"]
    assert max(one["fds"] + two["fds"]) < 16, "something of the keeper is open in the worker"


@pytest.mark.parametrize(
    "calls",
    [
        100,
        pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_d8_memory_and_descriptors_do_not_grow(fresh, calls):
    shims = fresh()
    shims.warm("unruly")
    path = socket_of(shims, "unruly")
    keeper = state_of(shims, "unruly")["pid"]
    (service,) = services(shims)
    direct = Direct(path, "unruly", {"PATH": os.defpath})
    for _ in range(10):
        direct.call(connection())
    before = [resident(pid) for pid in (keeper, service)]
    for number in range(calls):
        # The limit of calls is below 10,000 of these: then another keeper goes on.
        end, text = direct.call(connection()) if path.exists() else again(shims, direct)
        assert end == {"exit": 0, "signal": 0, "left": False}, (number, text)
    keeper = state_of(shims, "unruly")["pid"]
    after = [resident(pid) for pid in (keeper, service)]
    assert all(b <= 1.1 * a for a, b in zip(before, after, strict=True)), (before, after)
    if is_root():
        assert len(os.listdir(f"/proc/{keeper}/fd")) < 16


def again(shims, direct):
    shims.warm("unruly")
    return direct.call(connection())


@pytest.mark.slow
def test_d8_no_call_fails_while_keepers_are_recycled(fresh):
    shims = fresh(DEVLAKE_RECYCLE_SECONDS="2")
    shims.warm("unruly")
    seen = set()
    end = time.monotonic() + 30
    while len(seen) < 2:
        assert good(shims)
        pid = state_of(shims, "unruly").get("pid")
        seen |= {pid} if pid else set()
        assert time.monotonic() < end, "no keeper was recycled"


AT_IMPORT = {
    "a thread": (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        "it started 1 thread when it was imported",
    ),
    "a database": (
        "from devlake_core.store import Store\n"
        "try:\n    STORE = Store.open('sqlite:///' + __file__ + '.db')\n"
        "except dl.DevlakeError:\n    STORE = None",
        "it opened a database when it was imported",
    ),
    "a session": (
        "from devlake_core.api.transport import Transport\nTRANSPORT = Transport()",
        "an HTTP session is opened while the plugin is imported",
    ),
}


@pytest.mark.parametrize("what", AT_IMPORT)
def test_d9_what_a_fork_would_share_is_not_forked(site, what):
    top, reason = AT_IMPORT[what]
    site.install("sharer", code("sharer", top=top, message="'good'"))
    with synced(**site.env) as shims:
        said = after_loading(shims, "sharer")
        assert said["state"] == "cold"
        assert reason in said["reason"]
        status, output, _, errors = shims.shim("sharer", "test-connection", CONFIG, {"name": "x"})
        assert status == 0, errors
        assert json.loads(output)["message"] == "good"
        assert reason in shims.devlake("serve", "status", "--json").stdout


LEAVES = """
import os, subprocess
CHILD = subprocess.Popen(["sleep", "600"]).pid
with open({path!r} + ".new", "w") as file:
    file.write(str(CHILD))
os.rename({path!r} + ".new", {path!r})
"""


@pytest.mark.parametrize("how", ["killed", "retires", "loses the service"])
def test_d9_what_a_plugin_started_at_import_ends_with_its_keeper(site, tmp_path, how):
    path = tmp_path / "child"
    site.install("leaver", code("leaver", top=LEAVES.format(path=str(path))))
    with synced(**site.env) as shims:
        said = after_loading(shims, "leaver")
        assert said["state"] == "ready"
        child = int(path.read_text())
        assert runs(child)
        if how == "loses the service":
            kill(services(shims)[0])
        else:
            os.kill(said["pid"], signal.SIGKILL if how == "killed" else signal.SIGTERM)
            # It does not hold up the service.
            until(lambda: not state_of(shims, "leaver"))
        gone_after(said["pid"])
        gone_after(child)


def test_d10_ending_when_idle_races_with_no_call(fresh):
    shims = fresh(DEVLAKE_IDLE_SECONDS="2")
    # At least once it ends by itself; then there is a call around that moment.
    idle = None
    for part in (1.0, 0.85, 0.95, 1.0, 1.05):
        assert after_loading(shims, "unruly")["state"] == "ready"
        begun = time.monotonic()
        if idle is None:
            until(lambda: not list(shims.run.glob("*/unruly.plugin")))
            idle = time.monotonic() - begun
        else:
            time.sleep(idle * part)
        assert good(shims)


def test_d11_retire_lets_calls_end(fresh):
    shims = fresh()
    shims.warm("unruly")
    call = Running(shims, "unruly", "test-connection", CONFIG, connection("slow 2"))
    worker_of(shims)
    (service,) = services(shims)
    shims.devlake("serve", "retire")
    assert call.process.poll() is None
    status, output, _, _ = call.end()
    assert (status, json.loads(output)["success"]) == (0, True)
    gone_after(service)
    assert list(shims.run.glob("*/*.socket")) == list(shims.run.glob("*/*.plugin")) == []


def test_d11_a_service_that_retires_says_so_and_can_be_stopped(fresh):
    shims = fresh()
    shims.warm("unruly")
    call = Running(shims, "unruly", "test-connection", CONFIG, connection("slow 60"))
    worker_of(shims)
    (service,) = services(shims)
    shims.devlake("serve", "retire")
    until(lambda: not list(shims.run.glob("*/*.plugin")))
    assert [said["retiring"] for said in shims.status()] == [True]
    assert good(shims)
    shims.devlake("serve", "stop")
    assert call.end()[0] == 143
    gone_after(service)


@in_time
def test_d11_stop_cancels_calls(fresh, tmp_path, slack):
    shims = fresh()
    shims.warm("unruly")
    context = task(tmp_path / "lake.db", "slow 60")
    call = Running(shims, "unruly", "collect", CONFIG, context, '"things"')
    worker = worker_of(shims)
    (service,) = services(shims)
    begun = time.monotonic()
    shims.devlake("serve", "stop")
    status, _, _, errors = call.end()
    assert status == 143, errors
    assert time.monotonic() - begun < 6 + slack
    gone_after(service)
    assert not runs(worker)


def test_d12_a_cleaned_up_run_folder_fails_no_call(fresh):
    shims = fresh(DEVLAKE_IDLE_SECONDS="5")
    shims.warm("unruly")
    (service,) = services(shims)
    shutil.rmtree(shims.run)
    assert good(shims)
    shims.warm("unruly")
    assert good(shims)
    gone_after(service)


def test_d12_a_run_folder_that_cannot_be_made_fails_no_call(unruly_shims):
    assert good(unruly_shims, env={"DEVLAKE_RUNDIR": "/proc/self/nowhere"})


@as_root
def test_d12_a_full_disk_fails_no_call(tmp_path, unruly_shims):
    run = tmp_path / "small"
    run.mkdir()
    options = "size=4k,nr_inodes=4,mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", run], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        assert good(unruly_shims, env={"DEVLAKE_RUNDIR": str(run)})
        (run / "filler").write_bytes(b"x" * 4096)
        assert good(unruly_shims, env={"DEVLAKE_RUNDIR": str(run)})
    finally:
        subprocess.run(["umount", "-l", run], check=True)


@in_time
def test_status_is_told_at_once_under_load(warm_shims, slack):
    path = socket_of(warm_shims)
    direct = Direct(socket_of(warm_shims, "unruly"), "unruly", {"PATH": os.defpath})
    stop = threading.Event()

    def load():
        while not stop.is_set():
            direct.call(connection("prints"))

    times = []
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(load) for _ in range(3)]
        for _ in range(20):
            begun = time.monotonic()
            assert ask(path, {"do": "status"})["plugins"]
            times.append(time.monotonic() - begun)
            time.sleep(0.02)
        stop.set()
        for call in calls:
            call.result()
    assert sorted(times)[len(times) // 2] < 0.1 + slack, times


@in_time
def test_a_stopped_keeper_delays_nobody(warm_shims, slack):
    keeper = state_of(warm_shims, "unruly")["pid"]
    os.kill(keeper, signal.SIGSTOP)
    try:
        assert good(warm_shims)
        begun = time.monotonic()
        assert ask(socket_of(warm_shims), {"do": "status"})["plugins"]
        assert time.monotonic() - begun < 1 + slack
    finally:
        os.kill(keeper, signal.SIGCONT)


def test_a_call_of_a_user_without_a_service_is_cold(unruly_shims):
    status, _, log, _ = unruly_shims.shim(
        "unruly", "test-connection", CONFIG, connection("tells"), env=COLD
    )
    assert status == 0
    assert told(log)["ppid"] not in services(unruly_shims)


def left_over(run, name, ago=1000):
    """Make what a service leaves that was killed so many seconds ago."""
    folder = run / name
    folder.mkdir(mode=0o700)
    for file in ("service.lock", "start.lock", "service.log", "service.socket", "x.plugin"):
        (folder / file).write_text(f"of {name}\n")
        os.utime(folder / file, (time.time() - ago,) * 2)
    os.utime(folder, (time.time() - ago,) * 2)
    return folder


def test_what_dead_services_left_is_removed_by_the_next(fresh):
    shims = fresh()
    shims.run.mkdir(mode=0o700)
    dead = [left_over(shims.run, f"{number:016x}") for number in range(2)]
    starting = left_over(shims.run, "a" * 16, ago=1)
    foreign = left_over(shims.run, "something_else")
    alive = left_over(shims.run, "b" * 16)
    with open(alive / "service.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shims.warm("unruly")
        assert [folder.exists() for folder in dead] == [False, False]
        for folder in (starting, foreign, alive):
            assert len(list(folder.iterdir())) == 5
    shown = shims.devlake("serve", "logs").stdout
    assert " serves " in shown
    assert "of " not in shown


def test_without_a_service_the_log_of_the_last_one_is_shown(fresh):
    shims = fresh()
    shims.run.mkdir(mode=0o700)
    for ago in (30, 10, 20):
        left_over(shims.run, f"{ago:016x}", ago)
    (shown,) = json.loads(shims.devlake("serve", "logs", "--json").stdout).values()
    assert shown == [f"of {10:016x}"]


def test_its_log_does_not_grow_for_ever(fresh):
    shims = fresh()
    shims.warm("unruly")
    shims.stop()
    (path,) = shims.run.glob("*/service.log")
    os.truncate(path, 2 << 20)
    start_anew(shims)
    shims.warm("unruly")
    assert path.stat().st_size < 1 << 20
