"""Look for what is wrong here, and say what to do."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devlake_core.errors import DevlakeError

from .finding import Finding, secrets_of
from .options import db_option, json_option
from .output import write, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.store import Store

    from .session import Session

BROKEN = 78
_MARKS = {"ok": "✓", "note": "·", "warning": "!", "wrong": "✗"}


@click.command("doctor")
@click.option(
    "--server",
    metavar="DIR",
    type=click.Path(),
    help="Look at a DevLake server's installation: DIR is its REMOTE_PLUGIN_DIR.",
)
@db_option
@json_option
@click.pass_obj
def command(session: Any, server: str | None) -> int:
    """Look for what is wrong here, and say what to do.

    Looks at this Python, at each installed plugin (imported in a process of its own) and at the
    database; with --server at the shims too, best with the server's environment and as its user.
    Exits with 78 if something is wrong.
    """
    findings = []
    for finding in _findings(session, server):
        findings.append(finding)
        if not session.json:
            write(f"{_MARKS[finding.level]} {finding.what}: {finding.text}")
            if finding.hint:
                write(f"    → {finding.hint}")
    wrong = any(finding.level == "wrong" for finding in findings)
    if session.json:
        write_json([asdict(finding) for finding in findings])
    elif not wrong:
        write("\nnothing is wrong")
    return BROKEN if wrong else 0


def _findings(session: Session, server: str | None) -> Iterator[Finding]:
    yield from _program()
    yield from _guests()
    if server is None:
        yield from _database(session)
        return
    from .doctor_server import findings

    yield from findings(session, server)


def _program() -> Iterator[Finding]:
    from devlake_core.plugin.discovery import core_version

    version = core_version()
    yield Finding(
        "ok" if version else "warning",
        "devlake-core",
        version or "is run from a folder, not installed",
        "" if version else "in its folder: pip install . (plugins depend on it)",
    )
    yield Finding("ok", "Python", f"{platform.python_version()} ({sys.executable})")
    for module, extra in (("psycopg", "postgres"), ("pymysql", "mysql")):
        if find_spec(module) is None:
            hint = f"to use such a database: pip install 'devlake-core[{extra}]'"
            yield Finding("note", f"driver {module}", "is not installed", hint)
        else:
            yield Finding("ok", f"driver {module}", "is installed")


def _guests() -> Iterator[Finding]:
    from devlake_core.plugin import discovery
    from devlake_core.plugin.check import check

    levels: dict[str, Any] = {"ok": "ok", "disabled": "note", "broken": "wrong"}
    records = check(discovery.found())
    for record in records:
        what = f"{record.kind} {record.name}"
        text = f"{record.source} is {record.state}" + (
            f": {record.reason}" if record.reason else ""
        )
        yield Finding(levels.get(record.state, "warning"), what, text, record.hint)
        if record.kind == "plugin" and record.state == "ok":
            yield from _warnings(record.name)
    if not records:
        hint = "in a clone of devlake_core: pip install ./devlake_plugins/gitrepo"
        yield Finding("warning", "plugins", "none is installed", hint)


def _warnings(name: str) -> Iterator[Finding]:
    """Yield what is odd about a plugin that works; the check found that it can be imported."""
    from devlake_core.plugin.manager import Host
    from devlake_core.plugin.validity import warnings_of

    try:
        plugin = Host().load(name)
    except DevlakeError as error:
        yield Finding("wrong", f"plugin {name}", error.message, error.hint)
        return
    for text in warnings_of(plugin):
        yield Finding("warning", f"plugin {name}", text, "tell its author")


def _database(session: Session) -> Iterator[Finding]:
    try:
        if session.is_sqlite():
            file = Path(session.url.partition(":///")[2])
            if not file.exists():
                yield Finding(
                    "note", "database", f"{file} is not there yet; the first run makes it"
                )
                return
        with session.store(make=False) as store:
            yield Finding("ok", "database", f"{store.where} answers")
            yield from _tables(session, store)
    except DevlakeError as error:
        yield Finding("wrong", "database", error.message, error.hint)


def _tables(session: Session, store: Store) -> Iterator[Finding]:
    from devlake_core.migration import made_by, pending

    maker = made_by(store)
    if maker == "server":
        text = "a DevLake server made its tables: server and devlake can both use them"
        yield Finding("ok", "tables", text)
    elif maker:
        text = "`devlake migrate` made its tables: do not point a DevLake server at them"
        yield Finding("note", "tables", text)
    plugins = []
    for record in session.host.records():
        if record.kind == "plugin" and record.usable:
            try:
                plugins.append(session.host.load(record.name))
            except DevlakeError:
                # Told above, with its reason.
                continue
    waiting = pending(store, plugins)
    if waiting:
        level: Any = "note" if store.dialect == "sqlite" else "wrong"
        text = f"{len(waiting)} pending: {', '.join(str(item) for item in waiting[:3])}"
        yield Finding(level, "migrations", text, "run `devlake migrate`")
    else:
        yield Finding("ok", "migrations", "all are applied")
    late = {item.plugin for item in waiting}
    for plugin in plugins:
        if plugin.name not in late:
            yield from _columns(store, plugin)
    yield from secrets_of(store, plugins)


def _columns(store: Store, plugin: Any) -> Iterator[Finding]:
    """Yield what a migrated plugin's tables lack although none of its migrations is pending."""
    from devlake_core.migration import lacking

    lacks = [
        f"the table {table} lacks the column{'s' if len(columns) > 1 else ''} {', '.join(columns)}"
        if columns
        else f"there is no table {table}"
        for table, columns in lacking(store, plugin).items()
    ]
    if not lacks:
        return
    level: Any = "wrong"
    hint = (
        f"no migration of {plugin.name} makes it: its author has to add one that does "
        "(docs/migrations.md), then run `devlake migrate`"
    )
    if store.dialect == "sqlite":
        level, hint = "note", f"the next run, or `devlake migrate {plugin.name}`, makes it"
    yield Finding(level, f"tables of {plugin.name}", "; ".join(lacks), hint)
