"""Show the bridge without a DevLake: what ``make demo-bridge`` does.

The example Go program calls the installed plugins as DevLake's server would: it lists them, tests
a connection and runs the gitrepo plugin on this clone, cold and warm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bridge import gotools

HERE = Path(__file__).parent


def main() -> int:
    """Run the demo; return the exit code."""
    go = gotools.find()
    if go is None:
        gotools.main()
        go = gotools.find()
    if go is None:
        sys.stderr.write(f"{gotools.MISSING}\n")
        return 1
    top = HERE.parents[1]
    # The path of a Unix socket has a limit, so not below any long TMPDIR.
    with tempfile.TemporaryDirectory(prefix="dl", dir="/tmp") as place:
        env = {**gotools.environment(), "DEVLAKE_RUNDIR": f"{place}/run"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        devlake = [sys.executable, "-m", "devlake_core.cli.main"]
        shims = f"{place}/shims"
        status = subprocess.run(
            [*devlake, "bridge", "sync", shims], env=env, check=False
        ).returncode
        if status:
            return status
        scope = {"id": str(top), "name": top.name, "path": str(top)}
        words = ["-dir", shims, "-db", f"sqlite:///{place}/%s.db", "-scope", json.dumps(scope)]
        try:
            command = [go, "run", "./example", *words]
            return subprocess.run(command, cwd=HERE, env=env, check=False).returncode
        finally:
            stop = [*devlake, "serve", "stop"]
            subprocess.run(stop, env=env, stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    os.chdir(HERE.parents[1])
    sys.exit(main())
