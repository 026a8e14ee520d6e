"""Make a call from a command line: that of a plugin's ``main.py``, or ``devlake bridge call``."""

from __future__ import annotations

import functools
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from . import first, keeper
from .call import METHODS, Call
from .entry import refuse
from .start import forked_keeper, own_keeper
from .supervisor import run

if TYPE_CHECKING:
    from typing import NoReturn

    from devlake_core.plugin.base import Plugin

_HELP = """\
Usage: {program} METHOD [CONFIG] [ARGUMENT]...

Answer a call of DevLake's server. Each argument is one JSON document; CONFIG,
{{"log_level": "..."}}, may be left out. Results go to descriptor 3 (3>&1 shows them).

Methods:
  plugin-info
  test-connection  CONNECTION
  remote-scopes    CONNECTION [GROUP_ID]
  make-pipeline    [[SCOPE, SCOPE_CONFIG | null], ...] CONNECTION
  collect          CONTEXT STREAM
  extract          CONTEXT STREAM
  convert          CONTEXT STREAM

CONTEXT is {{"db_url": "...", "connection": {{...}}, "scope": {{...}}, "scope_config": {{...}},
"options": {{...}}}}; all but the first two may be left out.

Streams of {plugin}: {streams}
"""


def call(plugin: str, method: str, arguments: list[str], legacy: str = "") -> int:
    """Make a call of a plugin, in a process of its own.

    Args:
        plugin: the plugin's name.
        method: one of the methods of the wire.
        arguments: its JSON texts.
        legacy: the plugin's ``main.py``, if it is no distribution.

    Returns:
        The exit status that the server would see.
    """
    wanted = Call(plugin, method, arguments)
    wanted.legacy = legacy
    return run(wanted, own_keeper(wanted, sys.executable))


def start(plugin: Plugin) -> NoReturn:
    """Answer the call that is on this process's command line, and exit.

    Args:
        plugin: the plugin of the ``main.py`` that was executed.
    """
    program, *words = sys.argv
    if not words or words[0] in {"--help", "-h", "help"}:
        names = ", ".join(stream.name for stream in plugin.all_streams) or "none"
        text = _HELP.format(program=Path(program).name, plugin=plugin.name, streams=names)
        (sys.stdout if words else sys.stderr).write(text)
        sys.exit(0 if words else 2)
    first.begin()
    os._exit(_started(plugin, Path(program).absolute(), words[0], words[1:]))


def _started(plugin: Plugin, program: Path, method: str, arguments: list[str]) -> int:
    if method not in METHODS:
        return refuse(2, f"there is no method {method[:64]!r}", f"methods: {', '.join(METHODS)}")
    wanted = Call(plugin.name, method, arguments, path=str(_executable(program)))
    if threading.active_count() > 1:
        # A process with threads is not forked: they could hold locks that nobody frees.
        wanted.legacy = str(program)
        return run(wanted, own_keeper(wanted, sys.executable))
    from devlake_core.plugin.manager import Host

    host = Host()
    host.add(plugin)
    return run(wanted, forked_keeper(wanted, functools.partial(keeper.main, host)))


def _executable(program: Path) -> Path:
    """Return what the server shall execute: the ``run.sh`` of a pydevlake plugin, or its program.

    The file is beside the ``main.py``, or beside the package that it is in.
    """
    shims = [folder / "run.sh" for folder in program.parents[:2]]
    return next((shim for shim in shims if shim.is_file()), program)
