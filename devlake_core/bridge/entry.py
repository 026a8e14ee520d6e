"""Begin a call that DevLake's server makes through a shim."""

from __future__ import annotations

import os

from . import place
from .call import SUBTASKS, Call
from .pipes import HostPipes
from .start import connect
from .supervisor import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(arguments: list[str]) -> NoReturn:
    """Answer a call of the server and exit.

    Args:
        arguments: the folder of the shim, the method, and its arguments.
    """
    streaming = not {*SUBTASKS}.isdisjoint(arguments[1:2])
    try:
        status = _answered(arguments)
    except OSError as error:
        # What a call needs of the system it will have at another time: processes, descriptors.
        hint = "try again; see how many processes and open files this user may have"
        message = f"the call cannot be started: {error.strerror}"
        status = refuse(75, message, hint, streaming=streaming)
    except BaseException as error:
        message = f"{type(error).__name__}: {error}"
        status = refuse(70, message, _where(error), streaming=streaming)
    # What this leaves behind could only delay the end.
    os._exit(status)


def _answered(arguments: list[str]) -> int:
    folder, *words = arguments
    folder = os.path.realpath(folder)
    plugin = os.path.basename(folder)
    if not words:
        return refuse(2, f"{plugin}: no method is named", "see `devlake bridge call --help`")
    try:
        manifest = place.Manifest(os.path.dirname(folder))
        known = manifest.plugins[plugin]
    except (OSError, ValueError, KeyError, TypeError):
        return refuse(
            78, f"{folder} is no shim of a plugin", "write the shims anew: devlake bridge sync"
        )
    call = Call(plugin, words[0], words[1:], path=os.path.join(folder, "run.sh"))
    call.legacy = known.get("legacy", "")
    if call.method == "plugin-info":
        from .saved_info import answer

        return answer(call, manifest, folder)
    return run(call, connect(call, manifest))


def _where(error: BaseException) -> str:
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"this is a mistake in devlake_core, line {frame.lineno} of {frame.filename}"


def refuse(status: int, message: str, hint: str, *, streaming: bool = False) -> int:
    """Say why a call cannot be made, and return the exit status."""
    pipes = HostPipes(streaming=streaming)
    pipes.error(message.encode("utf-8", "replace"))
    pipes.error(hint.encode())
    pipes.close()
    return status
