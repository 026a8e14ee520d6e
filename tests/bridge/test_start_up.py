"""What the server executes for each call starts quickly, and is there from its first moment on."""

import json
import subprocess
import sys
from pathlib import Path

import devlake_core
from tests.bridge.beside import COLD, Running
from tests.bridge.server import task
from tests.bridge.shims import CONFIG

CLIENT = Path(devlake_core.__file__).parent / "bridge" / "client.py"
# Each of them costs milliseconds of every call; `json` and what it needs cannot be left out.
COSTLY = {"typing", "contextlib", "dataclasses", "socket", "subprocess", "selectors", "hashlib"}
COSTLY |= {"logging", "pathlib", "tempfile", "threading", "inspect", "site"}

LOOK = """
import json, os, sys
def tell(status):
    sys.stdout.write(json.dumps(sorted(sys.modules)))
    sys.stdout.flush()
    end(status)
end, os._exit = os._exit, tell
sys.argv = [sys.argv[1], "/nowhere/nobody", "collect"]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__file__": sys.argv[0]})
"""


def test_the_client_imports_next_to_nothing():
    command = [sys.executable, "-I", "-S", "-c", LOOK, str(CLIENT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 78, done.stderr
    imported = set(json.loads(done.stdout))
    assert "devlake_core.bridge.supervisor" in imported
    assert not imported & COSTLY
    assert len([name for name in imported if name.startswith("devlake_core")]) < 12


EARLY = """
import os, signal, sys
class Finder:
    def find_spec(name, *_):
        if name == "devlake_core.bridge.entry":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder)
sys.argv = sys.argv[1:]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__file__": sys.argv[0]})
"""


def test_a_cancel_before_the_imports_is_told_as_any_other(lasting_shims, tmp_path):
    call = Running(
        lasting_shims,
        "unruly",
        "collect",
        CONFIG,
        task(tmp_path / "lake.db", "slow 60"),
        '"things"',
        env=COLD,
        command=[sys.executable, "-I", "-S", "-c", EARLY, str(CLIENT), "."],
    )
    status, output, _, errors = call.end()
    assert status == 143, errors
    assert "unruly collect: stopped by the host" in errors
    assert output.endswith('{"current":"cancelled"}\n')
