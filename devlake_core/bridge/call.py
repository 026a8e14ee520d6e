"""What a call is, as the process that the server starts knows it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes longer to import than all that a call needs besides
    from collections.abc import Mapping
    from typing import Any

SUBTASKS = ("collect", "extract", "convert")
METHODS = ("plugin-info", "test-connection", "remote-scopes", "make-pipeline", *SUBTASKS)


class Call:
    """Be one call of a method.

    Attributes:
        plugin: the plugin's name.
        method: what it shall do.
        arguments: the texts after the method.
        path: the file that the server shall execute in later calls.
        legacy: the plugin's ``main.py``, if it is no distribution.
        is_subtask: whether its results are progress, and it may take any time.
    """

    def __init__(self, plugin: str, method: str, arguments: list[str], *, path: str = "") -> None:
        self.plugin, self.method, self.arguments = plugin, method, arguments
        self.path = path
        self.legacy = ""
        self.is_subtask = method in SUBTASKS

    def __str__(self) -> str:
        """Name the call in messages; a method that there is not is not repeated."""
        return f"{self.plugin} {self.method}" if self.method in METHODS else self.plugin

    def request(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """Return what a keeper is sent."""
        umask = os.umask(0o022)
        os.umask(umask)
        return {
            "do": "call",
            "plugin": self.plugin,
            "method": self.method,
            # A server passes bytes; what is no UTF-8 among them is found by the worker.
            "arguments": [os.fsencode(item).decode("latin-1") for item in self.arguments],
            "path": self.path,
            "legacy": self.legacy,
            "environment": dict(environ),
            "folder": os.getcwd(),
            "umask": umask,
        }


def seconds_of(name: str, default: float) -> float:
    """Return the seconds that a variable sets; what is no positive number sets nothing."""
    try:
        found = float(os.environ.get(name, ""))
    except ValueError:
        return default
    return found if found > 0 else default
