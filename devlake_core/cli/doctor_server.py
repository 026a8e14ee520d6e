"""Look at the installation of a DevLake server that runs our plugins."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from devlake_core.bridge import place
from devlake_core.bridge.manifest import (
    CLIENT,
    SHIM,
    Shim,
    is_pydevlake,
    read_shim,
    shims,
    this_shim,
)
from devlake_core.bridge.saved_info import read
from devlake_core.bridge.sync import describe, of_file
from devlake_core.errors import DevlakeError
from devlake_core.plugin.names import folded, server_plugins

from .finding import Finding, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.plugin.base import Plugin
    from devlake_core.store import Store

    from .session import Session

MOST_SCOPES = 100
"""How many scopes of one connection surely fit into one argument of a process."""


def findings(session: Session, folder: str) -> Iterator[Finding]:
    """Yield how a server's folder of shims, its rights, secret and database are.

    Args:
        session: settings; the server's ``DB_URL`` counts too.
        folder: the server's ``REMOTE_PLUGIN_DIR``.
    """
    sync = f"devlake bridge sync {folder}"
    yield from _environment(session, folder)
    try:
        manifest = place.Manifest(folder)
    except FileNotFoundError:
        yield Finding("wrong", "shims", f"{folder} has no {place.MANIFEST}", f"write it: {sync}")
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"{place.MANIFEST} in {folder} cannot be read: {error}"
        yield Finding("wrong", "shims", text, f"write it anew: {sync}")
        return
    yield from _interpreter(manifest, sync)
    ours, foreign = shims(manifest.folder)
    for name in sorted(manifest.plugins):
        yield from _shim(manifest, name, sync)
    yield from _unsynced(session, manifest, ours, sync)
    for path in foreign:
        yield _foreign(path)
    yield from _closed(manifest.folder, "shims")
    plugins = list(_installed(session))
    yield from _exposed(plugins)
    yield from _legacy(manifest)
    yield from _database(session, plugins)


def _environment(session: Session, folder: str) -> Iterator[Finding]:
    hint = "call this with the server's environment, so that all can be looked at"
    named = os.environ.get("REMOTE_PLUGIN_DIR")
    if not named:
        text = "is not set here: the server looks in python/plugins then"
        yield Finding("note", "REMOTE_PLUGIN_DIR", text, hint)
    elif os.path.realpath(named) != os.path.realpath(folder):
        text = f"is {named}, not {folder}"
        yield Finding("wrong", "REMOTE_PLUGIN_DIR", text, "name the folder of the shims in it")
    else:
        yield Finding("ok", "REMOTE_PLUGIN_DIR", "names this folder")
    if os.environ.get("DISABLED_REMOTE_PLUGINS", "").lower() in {"1", "t", "true"}:
        text = "is set: the server runs no plugin of ours"
        yield Finding("wrong", "DISABLED_REMOTE_PLUGINS", text, "take it out")
    if os.environ.get("PLUGIN_DIR"):
        yield Finding("ok", "PLUGIN_DIR", f"{len(server_plugins())} names are the server's own")
    else:
        text = "is not set here: only the names that are built in are known to be taken"
        yield Finding("note", "PLUGIN_DIR", text, hint)
    if session.has_secret:
        yield Finding("ok", "encryption", "ENCRYPTION_SECRET is set")
    else:
        text = "ENCRYPTION_SECRET is not set here, so what the server encrypted is not checked"
        yield Finding("warning", "encryption", text, hint)


def _interpreter(manifest: place.Manifest, sync: str) -> Iterator[Finding]:
    if not os.access(manifest.interpreter, os.X_OK):
        text = f"{manifest.interpreter}, which the shims execute, is not there"
        yield Finding("wrong", "interpreter", text, f"with the Python that has the plugins: {sync}")
        return
    if manifest.interpreter != os.path.abspath(sys.executable):
        text = f"the shims run {manifest.interpreter}; all that is said here is of {sys.executable}"
        yield Finding("warning", "interpreter", text, "call the `devlake` that is beside it")
    else:
        yield Finding("ok", "interpreter", "the shims run this Python")
    yield from _closed(manifest.interpreter, "interpreter")
    yield from _closed(CLIENT, "devlake-core")


def _shim(manifest: place.Manifest, name: str, sync: str) -> Iterator[Finding]:
    what = f"shim {name}"
    path = os.path.join(manifest.folder, name, SHIM)
    shim = read_shim(path)
    if folded(name) in {folded(other) for other in server_plugins()}:
        text = "the server has a plugin of its own of that name, which this one would replace"
        yield Finding("wrong", what, text, f"uninstall it, then: {sync} --prune")
    if not os.path.lexists(path):
        text = f"{path} is missing: a call of it hangs the server"
        yield Finding("wrong", what, text, f"write it anew: {sync}")
    elif shim is None:
        text = f"{path} is not as `devlake bridge sync` writes it"
        yield Finding("wrong", what, text, f"take it away, then: {sync}")
    elif not all(os.path.exists(file) for file in shim):
        text = f"{path} executes {shim.interpreter} with {shim.client}, which are not there"
        yield Finding("wrong", what, text, f"write it anew: {sync}")
    elif not os.access(path, os.X_OK):
        text = f"{path} is not executable: a call of it hangs the server"
        yield Finding("wrong", what, text, f"give it its rights again: {sync}")
    elif manifest.plugins[name].get("uninstalled"):
        text = "nothing is installed behind it any more"
        yield Finding("warning", what, text, f"if the server needs it no more: {sync} --prune")
    else:
        yield _info(manifest, name, shim, sync)


def _info(manifest: place.Manifest, name: str, shim: Shim, sync: str) -> Finding:
    """Return how the shim's saved answer is, without which a broken plugin ends the server."""
    what = f"shim {name}"
    folder = os.path.join(manifest.folder, name)
    saved = read(folder)
    closed = [
        file
        for file, need in ((SHIM, 0o5), (place.INFO, 0o4))
        if os.path.exists(os.path.join(folder, file))
        and os.stat(os.path.join(folder, file)).st_mode & need != need
    ]
    if saved is None:
        text = f"its {place.INFO} is missing or damaged"
        return Finding("wrong", what, text, f"write it anew: {sync}")
    if saved["info"].get("plugin_path") != os.path.join(folder, SHIM):
        text = f"it was written for {saved['info'].get('plugin_path')}"
        return Finding("wrong", what, text, f"write it anew here: {sync}")
    if closed:
        text = f"other users cannot use {' and '.join(closed)}"
        return Finding("warning", what, text, f"if the server runs as one of them: {sync}")
    if saved["fingerprint"] != manifest.key or shim != this_shim():
        text = "something was installed since it was written: it works, but starts slower"
        return Finding("warning", what, text, f"bring it up to date: {sync}")
    return Finding("ok", what, "is up to date")


def _unsynced(
    session: Session, manifest: place.Manifest, ours: dict[str, Shim], sync: str
) -> Iterator[Finding]:
    for name in sorted(ours.keys() - manifest.plugins.keys()):
        text = f"{place.MANIFEST} does not know it: its calls fail"
        yield Finding("wrong", f"shim {name}", text, f"write it anew: {sync}")
    for record in session.host.records():
        if record.kind == "plugin" and record.usable and record.name not in manifest.plugins:
            text = f"{record.source} is installed, but has no shim"
            yield Finding("warning", f"plugin {record.name}", text, f"write it: {sync}")


def _foreign(path: str) -> Finding:
    if is_pydevlake(path):
        main = os.path.join(os.path.dirname(path), "main.py")
        text = "is a plugin's own: it works, but cancelling may take long"
        hint = f"sync into a folder of its own with --legacy {main}"
        return Finding("warning", path, text, hint)
    text = "the server executes this file when it starts, and does not start if that fails"
    return Finding("wrong", path, text, "take it away, or sync into a folder of its own")


def _closed(path: str, what: str) -> Iterator[Finding]:
    """Yield what on the way to a path another user cannot go through or read."""
    real = os.path.realpath(path)
    is_folder = os.path.isdir(real)
    at, need = real, (0o5, "rx") if is_folder else (0o4, "r")
    while os.stat(at).st_mode & need[0] == need[0]:
        if at == os.path.dirname(at):
            return
        at, need = os.path.dirname(at), (0o1, "x")
    text = f"{real}: other users get no further than {at}"
    hint = f"if the server runs as one of them: install elsewhere, or chmod o+{need[1]} {at}"
    yield Finding("warning", f"rights of {what}", text, hint)


def _installed(session: Session) -> Iterator[Plugin]:
    for record in session.host.records():
        if record.kind == "plugin" and record.usable:
            try:
                yield session.host.load(record.name)
            except DevlakeError:
                # Told before, with its reason.
                continue


def _legacy(manifest: place.Manifest) -> Iterator[Finding]:
    """Yield how the plugins are that are no distributions; the others were looked at before."""
    records = [
        of_file(said["legacy"], name) for name, said in manifest.plugins.items() if "legacy" in said
    ]
    describe(records)
    for record in records:
        if record.state == "ok":
            yield Finding("ok", f"plugin {record.name}", f"{record.entry_point} is ok")
        else:
            yield Finding("wrong", f"plugin {record.name}", record.reason, record.hint)


def _exposed(plugins: list[Plugin]) -> Iterator[Finding]:
    from .fields import secret_names

    for plugin in plugins:
        names = [name for name in secret_names(plugin.connection_type) if name != "token"]
        if names:
            text = f"the server shows {', '.join(names)} to whoever may read its connections"
            hint = "only a field called `token` is hidden: see docs/devlake-server.md"
            yield Finding("warning", f"connections of {plugin.name}", text, hint)


def _database(session: Session, plugins: list[Plugin]) -> Iterator[Finding]:
    from devlake_core.migration import made_by

    if not session.as_server():
        hint = "set DB_URL as the server has it"
        yield Finding("note", "database", "none is named, so none was looked at", hint)
        return
    try:
        if session.is_sqlite():
            text = "a DevLake server has none of SQLite"
            yield Finding("wrong", "database", text, "set DB_URL as the server has it")
            return
        with session.store(make=False) as store:
            maker = made_by(store)
            if maker == "server":
                yield Finding("ok", "database", f"{store.where}: a DevLake server made its tables")
            elif maker:
                text = (
                    f"{store.where}: `devlake migrate` made it, a server's own tables are missing"
                )
                yield Finding("wrong", "database", text, "give the server a database of its own")
            else:
                text = f"{store.where}: no DevLake server has made its tables yet"
                yield Finding("note", "database", text, "start the server once")
            if session.has_secret:
                yield from secrets_of(store, plugins)
            for plugin in plugins:
                yield from _scopes(store, plugin)
    except DevlakeError as error:
        yield Finding("wrong", "database", error.message, error.hint)


def _scopes(store: Store, plugin: Plugin) -> Iterator[Finding]:
    """Yield connections with so many scopes that the server may not be able to pass them on."""
    from .saved import Saved

    saved = Saved(store, plugin)
    if not saved.exist():
        return
    counts: Counter[Any] = Counter(row["connection_id"] for row in saved.scopes.shown())
    for connection, count in sorted(counts.items()):
        if count > MOST_SCOPES:
            text = (
                f"connection {connection} has {count} scopes: a blueprint with all of them may be "
                "more than a process can be given (128 KiB), and hang the server"
            )
            hint = f"spread them over several blueprints of at most {MOST_SCOPES} scopes"
            yield Finding("warning", f"scopes of {plugin.name}", text, hint)
