"""Look after the service that answers a DevLake server's calls: one for all plugins of a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from devlake_core.errors import ConfigError

from .options import debug_option, json_option
from .output import write, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 5.0
_LAST_LINES = 100


class _Serve(click.Group):
    """Take a folder in the place of a sub-command for the service itself."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)


@click.group("serve", cls=_Serve, subcommand_metavar="DIR | COMMAND")
@debug_option
def command() -> None:
    """Look after the service that answers a DevLake server's calls.

    It is started by the first call through a shim and ends when it is idle, so there is nothing
    to set up: `devlake serve DIR` only keeps it in the foreground, to watch it.
    """


@command.command("run", hidden=True)
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@debug_option
def run_command(directory: str) -> None:
    """Run the service of the shims in DIR until it is stopped."""
    from devlake_core.bridge.place import Manifest

    try:
        interpreter = Manifest(directory).interpreter
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{directory} is no folder of shims: {error}"
        raise ConfigError(message, hint=f"write them: devlake bridge sync {directory}") from error
    # Nothing of the command line is left in it: it is the service that a call would start.
    words = [interpreter, "-P", "-m", "devlake_core.bridge.service", directory]
    try:
        os.execv(interpreter, words)
    except OSError as error:
        message = f"{interpreter} cannot be run: {error.strerror}"
        raise ConfigError(message, hint=f"devlake bridge sync {directory}") from error


@dataclass
class _Service:
    """Be a service that runs, or ran.

    Attributes:
        folder: the folder of its sockets.
        answer: what it said; None if nothing listens there any more.
        problem: why it cannot be asked.
    """

    folder: str
    answer: dict[str, Any] | None = None
    problem: str = ""

    @property
    def key(self) -> str:
        return os.path.basename(self.folder)

    def as_dict(self) -> dict[str, Any]:
        return {"service": self.key, "running": self.answer is not None, "problem": self.problem}


def _services() -> Iterator[str]:
    """Yield the folders of all services of this user.

    Raises:
        ConfigError: somebody else could have put them there.
    """
    from devlake_core.bridge.place import run_folder

    root = run_folder()
    try:
        found = sorted(os.listdir(root))
    except FileNotFoundError:
        return
    except PermissionError as error:
        message = f"{root} belongs to another user"
        raise ConfigError(message, hint="call this as the user of the DevLake server") from error
    for name in found:
        folder = os.path.join(root, name)
        if os.path.isdir(folder):
            yield folder


def _ask(folder: str, do: str) -> _Service:
    """Send one request to a service and wait for its answer."""
    from devlake_core.bridge import place, wire

    try:
        return _Service(folder, wire.ask(place.socket_of(folder), {"do": do}, _SECONDS))
    except (FileNotFoundError, ConnectionRefusedError):
        return _Service(folder)
    except OSError as error:
        return _Service(folder, problem=f"it was not asked, or did not answer: {error}")


@command.command("status")
@json_option
@click.pass_obj
def status_command(session: Any) -> int:
    """Show the services that run, their plugins, and the calls at work."""
    found = [_ask(folder, "status") for folder in _services()]
    found = [service for service in found if service.answer is not None or service.problem]
    if session.json:
        write_json([{**service.as_dict(), **(service.answer or {})} for service in found])
        return 0
    if not found:
        write("no service runs; the next call through a shim starts one")
    for number, service in enumerate(found):
        if number:
            write()
        _show(service)
    return 0


def _show(service: _Service) -> None:
    said = service.answer
    if said is None:
        write(f"service {service.key}: {service.problem}")
        return
    marks = [word for word in ("stale", "retiring") if said.get(word)]
    state = f" ({', '.join(marks)})" if marks else ""
    seconds = _seconds(said.get("seconds"))
    write(f"service {service.key}{state}: pid {said.get('pid')}, for {seconds} s")
    write(f"shims: {said.get('folder', '')}")
    plugins = said.get("plugins", [])
    if not plugins:
        write("no plugin is loaded yet")
        return
    write_table(
        ("plugin", "state", "pid", "calls", "idle s", "reason"),
        [
            (p.get("name"), p.get("state"), p.get("pid"), p.get("calls"),
             _seconds(p.get("idle_seconds")), p.get("reason"))
            for p in plugins
        ],
    )  # fmt: skip
    workers = [
        (p.get("name"), w.get("method"), w.get("pid"), _seconds(w.get("seconds")))
        for p in plugins
        for w in p.get("workers", [])
    ]
    if workers:
        write()
        write_table(("at work", "method", "pid", "for s"), workers)


def _seconds(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, int | float) else ""


def _tell_all(session: Any, do: str, done: str) -> int:
    found = [_ask(folder, do) for folder in _services()]
    found = [service for service in found if service.answer is not None or service.problem]
    if session.json:
        write_json([service.as_dict() for service in found])
    elif not found:
        write("no service runs")
    else:
        for service in found:
            write(f"service {service.key}: {service.problem or done}")
    return 75 if any(service.problem for service in found) else 0


@command.command("retire")
@json_option
@click.pass_obj
def retire_command(session: Any) -> int:
    """Let the services finish the calls at work, and end; meanwhile new calls run by themselves."""
    return _tell_all(session, "retire", "it finishes its calls and ends")


@command.command("stop")
@json_option
@click.pass_obj
def stop_command(session: Any) -> int:
    """Cancel the calls at work, and end the services."""
    return _tell_all(session, "stop", "stopped")


@command.command("logs")
@click.option("--lines", default=_LAST_LINES, show_default=True, help="How many of the last lines.")
@json_option
@click.pass_obj
def logs_command(session: Any, lines: int) -> int:
    """Print what the services that run logged; if none runs, what the last one did."""
    from devlake_core.bridge.place import is_private

    paths = {folder: os.path.join(folder, "service.log") for folder in _services()}
    logs = [folder for folder in paths if is_private(folder) and os.path.isfile(paths[folder])]
    logs.sort(key=lambda folder: os.path.getmtime(paths[folder]))
    running = [folder for folder in logs if _ask(folder, "status").answer is not None]
    found = {}
    for folder in running or logs[-1:]:
        with open(paths[folder], encoding="utf-8", errors="replace") as file:
            found[paths[folder]] = file.read().splitlines()[-lines:]
    if session.json:
        write_json(found)
        return 0
    for path, last in found.items():
        write(f"{path}:")
        for line in last:
            write(line)
    if not found:
        write("no service has logged anything")
    return 0
