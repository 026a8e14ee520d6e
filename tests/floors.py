"""Print or install the oldest versions that the project declares, for `tox -e oldest`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def floors() -> list[str]:
    """Return every requirement of the core and its extras, pinned to its lower bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        lines += extra
    pins = []
    for line in lines:
        requirement = Requirement(line)
        (floor,) = [one.version for one in requirement.specifier if one.operator == ">="]
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        pins.append(f"{requirement.name}{extras}=={floor}")
    return pins


if __name__ == "__main__":
    if sys.argv[1:] == ["--install"]:
        subprocess.run([sys.executable, "-m", "pip", "install", *floors()], check=True)
    else:
        sys.stdout.write("\n".join(floors()) + "\n")
