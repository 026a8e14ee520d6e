"""A plugin that does what its connection's field `behaviour` says: one word for each misdeed."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import devlake_core as dl


class UnrulyConnection(dl.Connection, table=True):
    token: dl.SecretStr = dl.SecretStr("")
    behaviour: str = "good"


class UnrulyScope(dl.ToolScope, table=True):
    pass


class Thing(dl.ToolModel, table=True):
    id: str = dl.Field(primary_key=True)
    title: str | None


class Things(dl.Stream):
    tool_model = Thing
    domain_types = [dl.DomainType.CROSS]

    def collect(self, state, ctx):
        for record in behave(ctx.connection):
            yield record, state
        for number in range(250):
            yield {"id": str(number), "title": f"thing {number}"}, state


def behave(connection):
    """Do the misdeed; of one that goes on for a while, yield records meanwhile."""
    word, _, rest = connection.behaviour.partition(" ")
    return MISDEEDS[word](connection, rest) or ()


def sign(path):
    """Write this process's number to a file, if one is named."""
    if path:
        with open(f"{path}.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(f"{path}.new", path)


def slow(_connection, rest):
    """Yield a record each hundredth of a second, for so many seconds; sign in a file."""
    seconds, _, path = rest.partition(" ")
    sign(path)
    for number in range(int(float(seconds) * 100)):
        time.sleep(0.01)
        yield {"id": f"s{number}", "title": "slow"}


def many(_connection, rest):
    """Yield so many records more."""
    for number in range(int(rest)):
        yield {"id": f"m{number}", "title": "one of many"}


def prints(connection, rest):
    print(f"printed {connection.token.get_secret_value()}")
    sys.stderr.write("complained\n")
    os.write(1, b"raw stdout\n")
    for number in (2, 3):
        try:
            os.write(number, b'{"increment":99,"current":99,"total":99}\n')
        except OSError:
            continue
    libc = ctypes.CDLL(None)
    libc.printf(b"from C\n")
    libc.fflush(None)


def says(_connection, rest):
    """Print a line of so many bytes."""
    print("x" * int(rest))


def complains(_connection, rest):
    """Log an error of so many bytes."""
    import logging

    logging.getLogger("unruly").error("y" * int(rest))


def swells(_connection, rest):
    """Make a plan of so many megabytes."""


def logs(_connection, rest):
    """Log so many errors, then fail."""
    import logging

    for number in range(int(rest)):
        logging.getLogger("unruly").error("error line %d", number)
    raise ValueError("and then it failed")


def fails(connection, rest):
    raise ValueError(f"no luck with {connection.token.get_secret_value()}")


def deep(_connection, rest):
    """Fail with a traceback of some 200 lines."""

    def down(depth):
        if depth:
            down(depth - 1)
        raise ValueError("too deep")

    down(100)


def crashes(_connection, rest):
    ctypes.string_at(0)


def leaves(_connection, rest):
    {
        "exit": sys.exit,
        "_exit": os._exit,
        "quit": lambda code: (_ for _ in ()).throw(SystemExit(code)),
    }[rest](0)


def killed(_connection, rest):
    """Die of a signal: of SIGKILL, if no number is given."""
    os.kill(os.getpid(), int(rest or signal.SIGKILL))


def eats(_connection, rest):
    """Take memory until there is no more."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    kept = []
    while True:
        kept.append(bytearray(64 << 20))


def stuck(_connection, rest):
    """Hold the interpreter's lock in C and never let go; sign in a file."""
    sign(rest)
    sum(range(10**12))


def sleeps(_connection, rest):
    time.sleep(float(rest))


def waits(_connection, rest):
    """Wait as a client does that a tool told to."""
    from devlake_core.api import current_runtime

    seconds, _, path = rest.partition(" ")
    sign(path)
    current_runtime.get().pause(float(seconds), "the tool said so")


def forks(_connection, rest):
    """Leave a child process and a thread behind; the child's number goes to a file."""
    child = subprocess.Popen(["sleep", "600"])
    with open(rest, "w") as file:
        file.write(str(child.pid))
    threading.Thread(target=time.sleep, args=(600,), daemon=False).start()


def tells(_connection, rest):
    """Print what this process is, for the tests of what leaks from call to call."""
    import json
    import locale

    umask = os.umask(0)
    os.umask(umask)
    with open("/proc/self/environ", "rb") as file:
        environ = file.read().decode("latin-1")
    print(
        "TOLD "
        + json.dumps(
            {
                "cwd": os.getcwd(),
                "umask": umask,
                "environ": dict(os.environ),
                "proc_environ": environ,
                "locale": locale.setlocale(locale.LC_CTYPE),
                "tzname": time.tzname,
                "pid": os.getpid(),
                "ppid": os.getppid(),
                "random": __import__("random").random(),
                "fds": sorted(int(n) for n in os.listdir("/proc/self/fd")),
            }
        )
    )


def babbles(_connection, rest):
    """Write where only the framework writes, then take no notice of being stopped; sign."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 3 and os.readlink(f"/proc/self/fd/{name}").startswith("pipe:"):
                os.write(int(name), b"junk of CANARY-3f1c9\nP many\nS [1]\n\n")
        except OSError:
            continue  # it is closed, or is read from
    sign(rest)
    time.sleep(600)


def vandal(_connection, rest):
    """Change what a process shares with itself."""
    import json
    import locale
    import socket

    json.loads = None
    os.chdir("/")
    locale.setlocale(locale.LC_ALL, "C")
    socket.setdefaulttimeout(0.001)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def deaf(connection, rest):
    """Do what a vandal does, then be slow."""
    vandal(connection, "")
    yield from slow(connection, rest)


def good(_connection, rest):
    return None


MISDEEDS = {
    name: thing
    for name, thing in list(globals().items())
    if callable(thing) and name.islower() and not name.startswith("_") and name != "behave"
}


class Unruly(dl.Plugin):
    name = "unruly"
    connection_type = UnrulyConnection
    tool_scope_type = UnrulyScope
    streams = [Things]

    def test_connection(self, connection):
        for _ in behave(connection):
            pass
        return dl.TestConnectionResult(True, "it works", 200)

    def remote_scope_groups(self, connection):
        for _ in behave(connection):
            pass
        yield dl.RemoteScopeGroup("g", "Group")

    def remote_scopes(self, connection, group_id):
        for _ in behave(connection):
            pass
        size = int(group_id) if group_id.isdigit() else 3
        for number in range(3):
            yield UnrulyScope(id=f"s{number}", name="n" * size)

    def make_pipeline_plan(self, pairs, connection):
        plan = super().make_pipeline_plan(pairs, connection)
        word, _, size = connection.behaviour.partition(" ")
        if word == "swells":
            plan[0][0].options["texts"] = ["z" * (1 << 20)] * int(size)
        return plan


if __name__ == "__main__":
    Unruly.start()
