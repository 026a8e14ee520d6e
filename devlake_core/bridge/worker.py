"""Be the process that does one call: forked by a keeper, gone when the call is done.

Its stdout and stderr are a pipe to the supervisor, descriptor 3 is nowhere, and what is said to
the supervisor goes over a pipe of its own; so nothing that a plugin prints, from Python or from C,
can come between. A line on that pipe is a letter and what it says: ``S`` a JSON list of secrets
to be hidden, ``R`` a line of the result, ``P`` progress (increment, current, total), ``L`` a log
line, ``E`` a line of the error text, ``K`` that the call goes on, ``X`` the exit status, last.
"""

from __future__ import annotations

import fcntl
import json
import locale
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from .place import SECRETS

if TYPE_CHECKING:
    from typing import NoReturn

    from devlake_core.plugin.manager import Host

_LATER_VICTIM = b"300"
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def work(request: dict[str, Any], out: int, log: int, host: Host | None = None) -> NoReturn:
    """Do what a request asks for and end the process.

    Args:
        request: a call, as a supervisor sends it.
        out: the pipe for what is said to the supervisor.
        log: the pipe for what is printed.
        host: where the plugin is loaded already; a new one if None.
    """
    out, environment = _settle(request, out, log)
    teller = Teller(out)
    status = 70
    try:
        status = _answered(request, teller, host, environment)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        # Threads and exit handlers of the plugin are not waited for.
        teller.say(b"X", b"%d" % status)
        os._exit(status)


def _answered(
    request: dict[str, Any], teller: Teller, host: Host | None, environment: dict[str, str]
) -> int:
    # Loaded here, so that a keeper of a cold call has little to fork.
    from devlake_core import crypto, redaction
    from devlake_core.runner.cancel import Cancel

    from .failure import failure_lines
    from .methods import answer

    redaction.tell_secrets(teller.secrets)
    for name, text in environment.items():
        redaction.register_secret(text.rpartition("://")[2].partition("@")[0].partition(":")[2])
        if name == crypto.VARIABLE:
            redaction.register_secret(text)
    teller.take_logs()
    arguments = [item.encode("latin-1") for item in request["arguments"]]
    texts = [item.decode("utf-8", "surrogateescape") for item in arguments]
    plugin, method = request["plugin"], request["method"]
    cancel = Cancel()
    with cancel.heard():
        try:
            host = host or _host(request)
            path = request["path"]
            answer(host, plugin, method, texts, teller, cancel, path=path, environment=environment)
        except (Exception, SystemExit) as error:
            lines, status = failure_lines(error, plugin, method, texts, host)
            for line in lines:
                teller.say(b"E", line.encode("utf-8", "replace"))
            return status
    return 0


def _host(request: dict[str, Any]) -> Host:
    from devlake_core.plugin.manager import Host
    from devlake_core.runner.legacy import add_legacy

    host = Host()
    if request.get("legacy"):
        add_legacy(host, request["legacy"])
    return host


def _settle(request: dict[str, Any], out: int, log: int) -> tuple[int, dict[str, str]]:
    """Be a process of its own, in the caller's environment, with nothing of others open.

    Returns:
        The pipe to the supervisor, and the variables that are kept from plugins.
    """
    os.setsid()
    os.dup2(log, 1)
    os.dup2(log, 2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    out = fcntl.fcntl(out, fcntl.F_DUPFD_CLOEXEC, 4)
    # Whoever writes to descriptor 3 means the server, and must not reach anything else.
    os.dup2(nowhere, 3, inheritable=False)
    os.closerange(4, out)
    os.closerange(out + 1, 1 << 16)
    _limit()
    variables: dict[str, str] = request["environment"]
    kept = {name: variables.pop(name) for name in SECRETS if name in variables}
    os.environ.clear()
    os.environ.update(variables)
    os.umask(int(request.get("umask", 0o022)))
    try:
        os.chdir(request["folder"])
    except OSError:
        os.chdir("/")
    time.tzset()
    try:
        locale.setlocale(locale.LC_ALL, "C")
        locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        # The caller names one that is not installed; Python starts all the same then.
        locale.setlocale(locale.LC_CTYPE, "C")
    random.seed()
    tempfile._name_sequence = None  # type: ignore[attr-defined]
    tempfile.tempdir = None
    sys.argv = [request["method"]]
    sys.stdout, sys.stderr = (_printer(number) for number in (1, 2))
    return out, kept


def _printer(number: int) -> TextIO:
    # New ones: those that are there remember what was open at the descriptor before.
    return open(number, "w", 1, "utf-8", "backslashreplace", closefd=False)


def _limit() -> None:
    """Leave no core file, be killed before the keeper when memory ends, and die with it."""
    parent = os.getppid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    # What the keeper would kill; here for the case that it is killed itself.
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(70)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    try:
        # A process that cannot be dumped does not own its files in /proc.
        prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        with open("/proc/self/oom_score_adj", "wb") as file:
            file.write(_LATER_VICTIM)
    except OSError:
        # Not allowed in some containers; the kernel chooses by size then.
        pass
    finally:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class Teller:
    """Say to the supervisor what comes of a call.

    Args:
        number: the descriptor of the pipe.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._lock = threading.RLock()

    def say(self, kind: bytes, text: bytes) -> None:
        """Say one line."""
        data = memoryview(kind + text + b"\n")
        with self._lock:
            while data:
                data = data[os.write(self._number, data) :]

    def result(self, line: bytes) -> None:
        """Say a line of the result."""
        self.say(b"R", line)

    def progress(self, increment: int, current: int, total: int) -> None:
        """Say how far a subtask is; what is no whole number above zero is made one."""
        numbers = [max(0, int(number or 0)) for number in (increment, current, total)]
        self.say(b"P", b"%d %d %d" % tuple(numbers))

    def alive(self) -> None:
        """Say that the call goes on."""
        self.say(b"K", b"")

    def log(self, text: str) -> None:
        """Say a line for the task's log."""
        self.say(b"L", _one_line(text))

    def secrets(self, values: list[str]) -> None:
        """Say what must not be shown of what is printed past all filters."""
        self.say(b"S", json.dumps(values).encode())

    def take_logs(self) -> None:
        """Have all that is logged said: errors for the error text, the rest for the log."""
        from devlake_core.redaction import RedactingFilter

        handler = _Handler(self)
        handler.addFilter(RedactingFilter())
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        root.handlers[:] = [handler]
        root.setLevel(logging.INFO)
        logging.captureWarnings(capture=True)


class _Handler(logging.Handler):
    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        kind = b"E" if record.levelno >= logging.ERROR else b"L"
        self._teller.say(kind, _one_line(self.format(record)))


def _one_line(text: str) -> bytes:
    # One record is one line: a text with line ends in it could pass itself off as others.
    return text.replace("\r", "\\r").replace("\n", "\\n").encode("utf-8", "replace")
