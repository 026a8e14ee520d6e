"""Be the process that does one call: forked by a keeper, gone when the call is done.

Its stdout and stderr are a pipe to the supervisor, descriptor 3 is nowhere, and what is said to
the supervisor goes over a pipe of its own; so nothing that a plugin prints, from Python or from C,
can come between.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import locale
import os
import random
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from .place import SECRETS, Manifest
from .process import be_killed_first
from .teller import Teller

if TYPE_CHECKING:
    from typing import NoReturn

    from devlake_core.plugin.manager import Host

_SETTLED_SECONDS = 10.0
_AGAIN_SECONDS = 1.0
_MOST_TIMES = 5


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
            # It may be something else that the plugin put there.
            with contextlib.suppress(Exception):
                stream.flush()
        _tell_of_threads(request["plugin"], teller)
        teller.say(b"X", b"%d" % status)
        os._exit(status)


def _answered(
    request: dict[str, Any], teller: Teller, host: Host | None, environment: dict[str, str]
) -> int:
    installed = _installed(request) if host is None else None
    if host is None:
        # Almost nothing of what is imported is garbage, and looking for it takes a tenth of a call.
        gc.disable()
    # Loaded here, so that a keeper of a cold call has little to fork.
    from devlake_core import crypto, forking, redaction
    from devlake_core.printing import RedactingStream
    from devlake_core.runner.cancel import Cancel

    from .failure import failure_lines
    from .methods import answer

    forking.end()
    redaction.tell_secrets(teller.secrets)
    for name, text in environment.items():
        redaction.register_secret(text.rpartition("://")[2].rpartition("@")[0].partition(":")[2])
        if name == crypto.VARIABLE:
            redaction.register_secret(text)
    sys.stdout, sys.stderr = (RedactingStream(_printer(n), needed=False) for n in (1, 2))
    teller.take_logs()
    arguments = [item.encode("latin-1") for item in request["arguments"]]
    texts = [item.decode("utf-8", "surrogateescape") for item in arguments]
    plugin, method = request["plugin"], request["method"]
    cancel = Cancel()
    with cancel.heard():
        try:
            if host is None:
                host, problem = _loaded(request)
                gc.freeze()
                gc.enable()
                if installed is not None and _is_halfway(installed, problem, request):
                    cancel.sleep(_AGAIN_SECONDS)
                    cancel.check()
                    _begin_again(request, environment, teller)
                _raise(problem)
            path = request["path"]
            answer(host, plugin, method, texts, teller, cancel, path=path, environment=environment)
        except (Exception, SystemExit) as error:
            lines, status = failure_lines(error, plugin, method, texts, host)
            for line in lines:
                teller.say(b"E", line.encode("utf-8", "replace"))
            return status
    return 0


def _raise(problem: Exception | None) -> None:
    if problem is not None:
        raise problem


def _installed(request: dict[str, Any]) -> Manifest | None:
    """Return what is installed when a cold call begins; None where that is not looked at."""
    tired = request.get("again", 0) >= _MOST_TIMES
    if tired or not request["path"] or not hasattr(os, "memfd_create"):
        return None
    try:
        return Manifest(os.path.dirname(os.path.dirname(request["path"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_halfway(installed: Manifest, problem: Exception | None, request: dict[str, Any]) -> bool:
    """Say whether a plugin may have been imported in the middle of an installation.

    An installer replaces files one by one. Either what is installed is not the same as before the
    import; or the plugin cannot be imported a moment after something was installed, which is worth
    one more try.
    """
    if installed.is_stale():
        return True
    tried = "again" in request
    return problem is not None and not tried and installed.changed_within(_SETTLED_SECONDS)


def _begin_again(request: dict[str, Any], environment: dict[str, str], teller: Teller) -> None:
    """Do the call once more, in an interpreter that has imported nothing."""
    request["again"] = request.get("again", 0) + 1
    request["environment"] = {**os.environ, **environment}
    call = os.memfd_create("call", 0)
    os.write(call, json.dumps(request).encode())
    os.lseek(call, 0, os.SEEK_SET)
    os.set_inheritable(teller.number, True)
    module = "devlake_core.bridge.worker"
    words = [sys.executable, "-P", "-m", module, str(call), str(teller.number)]
    os.execv(sys.executable, words)


def _tell_of_threads(plugin: str, teller: Teller) -> None:
    main = threading.main_thread()
    left = [thread.name for thread in threading.enumerate() if thread is not main]
    if left:
        # They, and exit handlers of the plugin, are not waited for.
        threads = "1 thread" if len(left) == 1 else f"{len(left)} threads"
        teller.log(f"{plugin} left {threads} running ({left[0]}); the end of the call ended it")


def _loaded(request: dict[str, Any]) -> tuple[Host, Exception | None]:
    """Return where the plugin of a cold call is loaded, and why it is not if it is not."""
    from devlake_core.errors import DevlakeError
    from devlake_core.plugin.manager import Host
    from devlake_core.runner.legacy import add_legacy

    host = Host()
    try:
        if request.get("legacy"):
            add_legacy(host, request["legacy"])
        host.load(request["plugin"])
    except DevlakeError as error:
        return host, error
    return host, None


def _settle(request: dict[str, Any], out: int, log: int) -> tuple[int, dict[str, str]]:
    """Be in the caller's environment, with nothing of others open.

    Returns:
        The pipe to the supervisor, and the variables that are kept from plugins.
    """
    os.dup2(log, 1)
    os.dup2(log, 2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    out = fcntl.fcntl(out, fcntl.F_DUPFD_CLOEXEC, 4)
    # Whoever writes to descriptor 3 means the server, and must not reach anything else.
    if nowhere != 3:
        os.dup2(nowhere, 3, inheritable=False)
    os.closerange(4, out)
    os.closerange(out + 1, 1 << 16)
    be_killed_first()
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
    return out, kept


def _printer(number: int) -> TextIO:
    # New ones: those that are there remember what was open at the descriptor before.
    return open(number, "w", 1, "utf-8", "backslashreplace", closefd=False)


def main() -> None:
    """Begin a call again: its request is at one descriptor, the pipe to the supervisor another."""
    call, out = (int(word) for word in sys.argv[1:])
    with open(call, "rb") as file:
        request = json.loads(file.read())
    work(request, out, 1)


if __name__ == "__main__":
    main()
