"""Answer ``plugin-info`` from the file beside the shim, so that DevLake's server starts.

The server runs every shim when it starts, and the first one that fails ends it. So the last good
answer is kept: it is given at once while nothing that is installed has changed, and it is given
with a remark when the plugin does not load any more.
"""

from __future__ import annotations

import json
import os

from . import place
from .pipes import HostPipes
from .start import connect
from .supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .call import Call
    from .place import Manifest


def answer(call: Call, manifest: Manifest, folder: str) -> int:
    """Answer the call and return the exit status.

    Args:
        call: of ``plugin-info``.
        manifest: that of the folder of shims.
        folder: the plugin's, with the saved answer in it.
    """
    saved = read(folder)
    if saved is not None and saved.get("fingerprint") == manifest.key:
        return _give(saved["info"], HostPipes(streaming=False))
    pipes = _Held()
    status = Supervisor(call, pipes).run(connect(call, manifest))
    if status and os.environ.get("DEVLAKE_STRICT") != "1":
        reason = pipes.forget()
        info = saved["info"] if saved is not None else _least(call)
        remark = f"(degraded: {reason[:200]})"
        pipes.error(f"{call.plugin} does not load; its last answer is given: {reason}".encode())
        description = f"{info['description']} {remark}"
        # The folder may have been moved since it was saved.
        return _give({**info, "description": description, "plugin_path": call.path}, pipes)
    pipes.pass_on()
    return status


def read(folder: str) -> dict[str, Any] | None:
    """Return what is saved in a plugin's folder, or None if it is missing or damaged."""
    try:
        with open(os.path.join(folder, place.INFO), "rb") as file:
            saved: dict[str, Any] = json.loads(file.read())
            return saved if saved["info"]["description"] is not None else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _least(call: Call) -> dict[str, Any]:
    """Return the smallest answer that the server takes: no subtask, no migration."""
    prefix = f"_tool_{call.plugin}_"

    def table(name: str) -> dict[str, Any]:
        schema = {"title": name, "type": "object", "properties": {}}
        return {"json_schema": schema, "table_name": prefix + name}

    return {
        "name": call.plugin,
        "description": call.plugin,
        "connection_model_info": table("connections"),
        "scope_model_info": table("scopes"),
        "scope_config_model_info": table("scopeconfigs"),
        "tool_model_infos": [],
        "migration_scripts": [],
        "plugin_path": call.path,
        "subtask_metas": [],
        "extension": "datasource",
    }


def _give(info: dict[str, Any], pipes: HostPipes) -> int:
    # One line for each key: the server puts them together, and no line gets too long.
    text = json.dumps(info, ensure_ascii=False, indent=0)
    for line in text.encode().split(b"\n"):
        pipes.result(line)
    pipes.close()
    return 0


class _Held(HostPipes):
    """Keep what a call says until it is known whether it is passed on."""

    def __init__(self) -> None:
        super().__init__(streaming=False)
        self._held: list[bytes] = []
        self._open = False

    def result(self, line: bytes) -> None:
        """Keep a line."""
        self._held.append(line)

    def flush(self) -> bool:
        """Write nothing yet."""
        return not self._open or super().flush()

    def close(self, *, hurry: bool = False) -> None:
        """Pass nothing on yet."""
        if self._open:
            for line in self._held:
                super().result(line)
            super().close(hurry=hurry)

    def forget(self) -> str:
        """Forget the answer, and return the first line of its error text."""
        self._open = True
        self._held.clear()
        lines, self._errors = self._errors, []
        return lines[0].decode() if lines else "it gave no reason"

    def pass_on(self) -> None:
        """Pass on what was kept."""
        self._open = True
        self.close()
