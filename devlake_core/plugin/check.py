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
from typing import TYPE_CHECKING

from devlake_core.errors import PluginLoadError

from .clean import clean
from .guard import import_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    deadline = time.monotonic() + whole
    workers = min(8, 2 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(workers, thread_name_prefix="check") as pool:
        unchecked = [record for record in records if record.state == "unchecked"]
        # Consumed, so that what goes wrong here is seen.
        list(pool.map(lambda record: _check_one(record, deadline), unchecked))
    return records


def _check_one(record: PluginRecord, deadline: float) -> None:
    seconds = min(import_seconds(), deadline - time.monotonic())
    if seconds <= 0:
        record.reason = "not checked: the time for all checks was over"
        return
    environ = {key: value for key, value in os.environ.items() if key not in _SECRETS}
    with tempfile.TemporaryDirectory(prefix="devlake-check-") as folder:
        answer, complaint = Path(folder, "answer.json"), Path(folder, "complaint.txt")
        command = [sys.executable, "-X", "faulthandler", "-m", __name__, str(answer)]
        with complaint.open("wb") as stderr:
            child = subprocess.Popen(
                [*command, record.kind, record.name, record.distribution],
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
        _note(record, status, answer, complaint, seconds)


def _note(
    record: PluginRecord, status: int | None, answer: Path, complaint: Path, seconds: float
) -> None:
    hint = f"ask its author; or keep it out: DEVLAKE_DISABLED_PLUGINS={record.name}"
    if status == 0 and answer.exists():
        said = loads(answer.read_text("utf-8"))
        record.state, record.cause = said["state"], said["cause"]
        record.reason, record.hint = said["reason"], said["hint"]
        return
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


def _main(answer: str, kind: str, name: str, distribution: str) -> None:
    """Load one guest in this process and write its record to a file."""
    from .manager import Host

    host = Host(strict=False)
    [record] = [
        item
        for item in host.records()
        if (item.kind, item.name, item.distribution) == (kind, name, distribution)
    ]
    with contextlib.suppress(PluginLoadError):
        # The record says why it could not be loaded.
        host.load(name) if kind == "plugin" else host.load_hooks()
    Path(answer).write_text(dumps(record.as_dict()), "utf-8")
    # Threads and exit handlers of the guest are not waited for.
    os._exit(0)


if __name__ == "__main__":
    _main(*sys.argv[1:])
