"""Import guests in child processes, to see whether they are healthy.

``devlake plugins --check`` and ``devlake doctor`` do so: a guest that hangs, exits or crashes at
import takes only its child with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from json import dumps, loads  # bound now, for a guest may patch the module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from devlake_core.errors import PluginLoadError

from .clean import clean
from .guard import import_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .manager import Host
    from .records import PluginRecord

WHOLE = 60.0
"""How many seconds the check of all guests may take."""

_SECRETS = ("DB_URL", "DEVLAKE_DB_URL", "ENCRYPTION_SECRET")


def check(records: Iterable[PluginRecord], whole: float = WHOLE) -> list[PluginRecord]:
    """Bring records up to date by importing each guest that is ``unchecked`` in a child process.

    Args:
        records: from ``discovery.found()``; they are changed.
        whole: how many seconds all of them together may take.
    """
    records = list(records)
    examine([record for record in records if record.state == "unchecked"], whole)
    return records


def examine(
    records: Iterable[PluginRecord],
    whole: float = WHOLE,
    module: str = __name__,
    words: Callable[[PluginRecord], Sequence[str]] = lambda _record: (),
) -> list[dict[str, Any]]:
    """Run a module in a child process for each record, several at once.

    The module gets the path of a file for its answer, kind, name and distribution of the record,
    and the words. Its answer is the record as it is now, with whatever else it has to say.

    Args:
        records: the guests; state and reason of each are brought up to date.
        whole: how many seconds all of them together may take.
        module: the module's name.
        words: more arguments for a record.

    Returns:
        The answer for each record; an empty one where the child gave none.
    """
    deadline = time.monotonic() + whole
    workers = min(8, 2 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(workers, thread_name_prefix="check") as pool:
        return list(
            pool.map(lambda item: _examine_one(item, deadline, module, words(item)), records)
        )


def _examine_one(
    record: PluginRecord, deadline: float, module: str, words: Sequence[str]
) -> dict[str, Any]:
    seconds = min(import_seconds(), deadline - time.monotonic())
    if seconds <= 0:
        record.reason = "not checked: the time for all checks was over"
        return {}
    environ = {key: value for key, value in os.environ.items() if key not in _SECRETS}
    with tempfile.TemporaryDirectory(prefix="devlake-check-") as folder:
        answer, complaint = Path(folder, "answer.json"), Path(folder, "complaint.txt")
        command = [sys.executable, "-X", "faulthandler", "-m", module, str(answer)]
        with complaint.open("wb") as stderr:
            child = subprocess.Popen(
                [*command, record.kind, record.name, record.distribution, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environ,
                start_new_session=True,
            )
            try:
                # The child's own alarm names the guest; this one is for what no signal reaches.
                status = child.wait(seconds + 2)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                # What the guest started goes too.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        return _note(record, status, answer, complaint, seconds)


def _note(
    record: PluginRecord, status: int | None, answer: Path, complaint: Path, seconds: float
) -> dict[str, Any]:
    hint = f"ask its author; or keep it out: DEVLAKE_DISABLED_PLUGINS={record.name}"
    if status == 0 and answer.exists():
        said: dict[str, Any] = loads(answer.read_text("utf-8"))
        record.state, record.cause = said["state"], said["cause"]
        record.reason, record.hint = said["reason"], said["hint"]
        return said
    lines = complaint.read_text("utf-8", "replace").splitlines()
    if status is None:
        record.mark_broken("timeout", f"it did not end within {seconds:g} s when imported", hint)
    elif status < 0:
        name = signal.Signals(-status).name
        # faulthandler's trace says "File …, line … in …", the innermost frame first.
        frames = [line.strip() for line in lines if line.strip().startswith("File ")]
        package = record.entry_point.partition(":")[0].partition(".")[0]
        where = next((frame for frame in frames if package in frame), "")
        record.mark_broken(
            "crash", clean(f"it died of {name} when imported; {where}".rstrip("; "), 300), hint
        )
    else:
        last = clean(lines[-1], 200) if lines else "no reason given"
        record.mark_broken("import", f"it left with status {status} when imported: {last}", hint)
    return {}


def load_one(host: Host, kind: str, name: str, distribution: str) -> PluginRecord:
    """Load one guest in this process; return its record, which says how that went."""
    [record] = [
        item
        for item in host.records()
        if (item.kind, item.name, item.distribution) == (kind, name, distribution)
    ]
    with contextlib.suppress(PluginLoadError):
        # The record says why it could not be loaded.
        host.load(name) if kind == "plugin" else host.load_hooks()
    return record


def leave(answer: str, value: dict[str, Any]) -> NoReturn:
    """Write the answer of a child to a file, and end it."""
    Path(answer).write_text(dumps(value), "utf-8")
    # Threads and exit handlers of the guest are not waited for.
    os._exit(0)


def _main(answer: str, kind: str, name: str, distribution: str) -> None:
    """Load one guest in this process and write its record to a file."""
    from .manager import Host

    leave(answer, load_one(Host(strict=False), kind, name, distribution).as_dict())


if __name__ == "__main__":
    _main(*sys.argv[1:])
