"""Why a call failed, in the few lines that DevLake shows to its user."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from devlake_core.errors import DevlakeError
from devlake_core.plugin.clean import clean
from devlake_core.redaction import redact
from devlake_core.runner.failure import failure_of
from devlake_core.runner.job import VERBS

from .arguments import glance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.manager import Host

log = logging.getLogger(__name__)


def failure_lines(
    error: BaseException,
    plugin: str,
    method: str,
    arguments: Sequence[str] = (),
    host: Host | None = None,
) -> tuple[list[str], int]:
    """Return the lines for the server, without any secret, and the exit status.

    The traceback goes to the log, under the number that the last line names.

    Args:
        error: what ended the call.
        plugin: the plugin's name.
        method: the method that was called.
        arguments: what it was called with.
        host: where the plugin was loaded, if it came to that.
    """
    name, source, loaded = clean(plugin, 64), "", None
    if host is not None:
        source, loaded = _known(host, plugin, error)
    stream, scope = glance(method, arguments)
    busy = "it was waited for; look for a process that a restart of the server left behind"
    trace = secrets.token_hex(4)
    report = f"report it with what the log says at {trace}"
    failure = failure_of(error, name, loaded, busy=busy, report=report)
    unforeseen = not isinstance(error, DevlakeError)
    log.log(logging.INFO if unforeseen else logging.DEBUG, "trace %s\n%s", trace, failure.traceback)
    message = failure.message
    if isinstance(error, SystemExit):
        message = f"exited without completing: {message}"
    elif not unforeseen:
        message = f"{type(error).__name__}: {message}"
    about = {
        "plugin": name + (f" ({source})" if source else ""),
        "subtask" if method in VERBS else "method": f"{method} {stream}".strip(),
        "scope": scope,
        "hint": failure.hint,
        "trace": trace + (", in the log" if unforeseen else ", in the log of level debug"),
    }
    lines = [f"{word}: {clean(text, 1000)}" for word, text in about.items() if text]
    return [redact(line) for line in [message, *lines]], failure.exit_code


def _known(host: Host, name: str, error: BaseException) -> tuple[str, Plugin | None]:
    """Return what is known of a plugin: its distribution and, if it was loaded, the plugin."""
    try:
        record = host.record(name)
        # One that was not loaded is not imported for the sake of an error.
        return record.source, host.load(name) if record.state == "ok" else None
    except DevlakeError:
        return "", None
