"""Connect to an IDE that waits for a plugin to debug."""

from __future__ import annotations

import importlib
import os
from typing import Any

from devlake_core import logger

# Where an IDE is for a plugin that runs in a container.
_HOST, _PORT = "host.docker.internal", "32000"


def init() -> None:
    """Connect to the debugger that ``USE_PYTHON_DEBUGGER`` names: ``pycharm`` or ``debugpy``.

    ``PYTHON_DEBUG_HOST`` and ``PYTHON_DEBUG_PORT`` say where it listens. What fails is logged: a
    plugin runs without its debugger too.
    """
    kind = os.environ.get("USE_PYTHON_DEBUGGER", "").strip().lower()
    if not kind:
        return
    if kind not in _CONNECT:
        logger.error("USE_PYTHON_DEBUGGER is %r: one of %s is known", kind, sorted(_CONNECT))
        return
    host = os.environ.get("PYTHON_DEBUG_HOST") or _HOST
    port = os.environ.get("PYTHON_DEBUG_PORT") or _PORT
    package, connect = _CONNECT[kind]
    try:
        connect(importlib.import_module(package), host, int(port))
    except ImportError:
        logger.error("%s is not installed, so nothing is debugged", package)
    except (OSError, ValueError, RuntimeError) as error:
        logger.error("no debugger at %s:%s: %s", host, port, error)
    else:
        logger.info("debugged from %s:%s", host, port)


def _pycharm(module: Any, host: str, port: int) -> None:
    module.settrace(host=host, port=port, suspend=False)


def _debugpy(module: Any, host: str, port: int) -> None:
    module.connect((host, port))


_CONNECT = {"pycharm": ("pydevd_pycharm", _pycharm), "debugpy": ("debugpy", _debugpy)}
