"""What is written beside the shims: the shim itself, and the manifest that says how to run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from devlake_core.plugin.discovery import core_version, traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHIM = "run.sh"
"""The name of the files that DevLake's server executes, wherever it finds one in its folder."""

CLIENT = str(Path(__file__).with_name("client.py").absolute())
"""What a shim executes."""

_SHIM = '#!/bin/sh\n# Written by `devlake bridge sync`.\nexec {} -I -S {} "${{0%/*}}" "$@"\n'
_EXEC = re.compile(r'exec (.*/client\.py\S*) "\$\{0%/\*\}" "\$@"\n', re.DOTALL)
_LARGEST = 64 << 10
_MOST_FILES = 500


class Shim(NamedTuple):
    """Be what a shim of ours executes.

    Attributes:
        interpreter: the Python.
        client: our file that it runs.
    """

    interpreter: str
    client: str

    def text(self) -> bytes:
        """Return the shim's content; the folder of the file is what says which plugin is meant."""
        return os.fsencode(_SHIM.format(shlex.quote(self.interpreter), shlex.quote(self.client)))


def this_shim() -> Shim:
    """Return the shim that runs plugins with this Python and this devlake_core."""
    return Shim(os.path.abspath(sys.executable), CLIENT)


def read_shim(path: str | Path) -> Shim | None:
    """Return what a shim of ours executes; None if the file is missing or not ours."""
    try:
        with open(path, "rb") as file:
            text = os.fsdecode(file.read(_LARGEST))
    except OSError:
        return None
    found = _EXEC.search(text)
    if found is None:
        return None
    try:
        words = shlex.split(found[1])
    except ValueError:
        return None
    if len(words) != 4 or words[1:3] != ["-I", "-S"]:
        return None
    shim = Shim(words[0], words[3])
    # Whole: a file that does more than ours is somebody else's.
    return shim if os.fsdecode(shim.text()) == text else None


def shims(folder: str | Path) -> tuple[dict[str, Shim], list[str]]:
    """Return the shims of ours by plugin, and the other files that the server would execute.

    It executes every ``run.sh`` below its folder, in virtual environments too.
    """
    root = os.path.realpath(folder)
    ours: dict[str, Shim] = {}
    foreign: list[str] = []
    for place, folders, names in os.walk(root):
        folders.sort()
        if SHIM not in names and SHIM not in folders:
            continue
        path = os.path.join(place, SHIM)
        shim = read_shim(path) if os.path.dirname(place) == root else None
        if shim is None:
            foreign.append(path)
        else:
            ours[os.path.basename(place)] = shim
    return ours, foreign


def is_pydevlake(path: str) -> bool:
    """Say whether a ``run.sh`` looks like the one that a pydevlake plugin brings itself."""
    return os.path.isfile(os.path.join(os.path.dirname(path), "main.py"))


def contents(plugins: Mapping[str, Mapping[str, Any]], distributions: Iterable[str]) -> bytes:
    """Return a manifest's content.

    Args:
        plugins: what has a shim: ``{}``, or ``{"legacy": "<main.py>"}`` if no distribution
            brings it; ``"uninstalled": true`` if there is nothing behind the shim any more.
        distributions: the names of the distributions that are used.
    """
    paths, sources = _places(distributions)
    for said in plugins.values():
        if "legacy" in said:
            sources.append(os.path.dirname(said["legacy"]))
            paths += _sources_of(said["legacy"])
    shim = this_shim()
    values = {
        "v": 1,
        "interpreter": shim.interpreter,
        "prefix": sys.prefix,
        "version": core_version(),
        "client": shim.client,
        "paths": sorted(set(paths)),
        "sources": sorted(set(sources)),
        "plugins": {name: dict(plugins[name]) for name in sorted(plugins)},
    }
    return json.dumps(values, indent=1).encode() + b"\n"


def _places(distributions: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the files and folders whose times tell of an installation, and source folders."""
    named_so = ("site-packages", "dist-packages")
    paths = [os.path.abspath(path) for path in sys.path if path.rstrip("/").endswith(named_so)]
    sources = []
    if not core_version():
        sources.append(str(Path(__file__).parents[1].absolute()))
    for name in sorted({"devlake-core", *distributions}):
        files, folders = traces(name)
        paths += files
        paths += [os.path.dirname(os.path.dirname(file)) for file in files[:1]]
        sources += folders
    return [path for path in paths if os.path.exists(path)], sources


def _sources_of(main: str) -> Iterator[str]:
    """Yield the Python files of a plugin that is no distribution: no installation tells of them."""
    count = 0
    for place, folders, names in os.walk(os.path.dirname(main)):
        folders[:] = [
            name
            for name in sorted(folders)
            if not name.startswith((".", "__"))
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
        ]
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.join(place, name)
                count += 1
                if count == _MOST_FILES:
                    return
