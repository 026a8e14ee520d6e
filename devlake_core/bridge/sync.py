"""Write the folder that DevLake's server reads its plugins from: one shim for each healthy one.

The server executes every ``run.sh`` below its ``REMOTE_PLUGIN_DIR``, does not start if one of them
fails, and hangs if one that it knows is missing. So only plugins that work get a shim, and a shim
that is there stays, whatever becomes of its plugin, until somebody asks for its removal.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from devlake_core.errors import ConfigError
from devlake_core.plugin import discovery
from devlake_core.plugin.check import examine
from devlake_core.plugin.names import NAME, folded, server_plugins
from devlake_core.plugin.records import PluginRecord

from . import folder as files
from . import place
from .manifest import SHIM, contents, is_pydevlake, shims, this_shim
from .report import Entry, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .report import Action


def sync(folder: str, legacy: Iterable[str] = (), prune: bool = False) -> Report:
    """Write shims, manifest and plugin-info of all healthy plugins.

    Each plugin is looked at in a process of its own; none is imported here.

    Args:
        folder: the server's ``REMOTE_PLUGIN_DIR``; made if it is missing.
        legacy: paths of ``main.py`` of plugins that are no distribution; those of earlier syncs
            are remembered.
        prune: whether to remove the shims of plugins that are no longer installed.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    root = os.path.realpath(folder)
    files.make(root)
    try:
        with files.locked(root):
            return _Sync(root, legacy, prune).run()
    except OSError as error:
        message = f"{root} cannot be written to: {error.strerror} ({error.filename})"
        raise ConfigError(message, hint="sync as the owner of the folder") from error


def of_file(path: str, name: str = "") -> PluginRecord:
    """Return the record of a plugin that is no distribution.

    Args:
        path: its ``main.py``.
        name: its name; until it is described, that of the folder stands for it.
    """
    return PluginRecord("plugin", name or os.path.basename(os.path.dirname(path)), "", "", path)


def describe(records: Iterable[PluginRecord]) -> list[tuple[PluginRecord, dict[str, Any]]]:
    """Load each guest in a process of its own.

    Args:
        records: installed ones, and such of a file; they are brought up to date.

    Returns:
        Those that are healthy plugins, with what the server is to know of them.
    """
    asked = [record for record in records if record.state == "unchecked"]
    answers = examine(
        asked,
        module=f"{__package__}.describe",
        words=lambda record: [] if record.distribution else [record.entry_point],
    )
    described = []
    for record, answer in zip(asked, answers, strict=True):
        record.name = answer.get("name", record.name)
        if answer.get("info"):
            described.append((record, answer["info"]))
    return described


class _Sync:
    def __init__(self, root: str, legacy: Iterable[str], prune: bool) -> None:
        self.root = root
        self.prune = prune
        self.shimmed, self.foreign = shims(root)
        self.entries: list[Entry] = []
        self.before = self._read()
        self.given = {_main(path) for path in legacy}
        self.remembered = {
            said["legacy"]: name for name, said in self.before.items() if "legacy" in said
        }
        self.infos: dict[str, Any] = {}
        self.plugins: dict[str, dict[str, Any]] = {}

    def _read(self) -> dict[str, dict[str, Any]]:
        """Return what the last sync noted, as far as its shim is still there."""
        try:
            noted = place.Manifest(self.root).plugins
            return {name: dict(noted.get(name, {})) for name in self.shimmed}
        except FileNotFoundError:
            return {name: {} for name in self.shimmed}
        except (ValueError, KeyError, TypeError, AttributeError):
            self._note(
                PluginRecord("plugin", "", "", "", ""),
                "foreign",
                path=os.path.join(self.root, place.MANIFEST),
                reason="it was damaged, and is written anew",
                hint="name plugins that are no distribution once more with --legacy",
            )
            return {name: {} for name in self.shimmed}

    def run(self) -> Report:
        installed = discovery.found()
        by_file = [
            of_file(path, self.remembered.get(path, ""))
            for path in sorted(self.given | {p for p in self.remembered if os.path.isfile(p)})
        ]
        for record, info in describe([*installed, *by_file]):
            self.infos.setdefault(record.name, info)
        self._judge(installed, by_file)
        records = [*installed, *(record for record in by_file if record.cause != "replaced")]
        for record in records:
            if record.kind == "plugin" and record.state == "ok":
                said = {} if record.distribution else {"legacy": record.entry_point}
                self.plugins[record.name] = said
        self._sort_out([record for record in records if record.state != "ok"])
        gone = sorted(self.before.keys() - {r.name for r in records if r.kind == "plugin"})
        for name in gone:
            if not self.prune:
                self.plugins[name] = {**self.before[name], "uninstalled": True}
        self._write([record for record in records if record.state == "ok"], installed)
        for name in gone:
            self._let_go(name)
        self._name_foreign()
        entries = sorted(self.entries, key=lambda entry: (not entry.plugin, entry.plugin))
        return Report(self.root, this_shim().interpreter, tuple(entries))

    def _judge(self, installed: list[PluginRecord], by_file: list[PluginRecord]) -> None:
        """Find what speaks against a plugin only here: its name and the place of its shim."""
        server = {folded(name): name for name in server_plugins()}
        taken = {r.name: r for r in installed if r.kind == "plugin" and r.state == "ok"}
        for record in by_file:
            if record.name in taken and record.entry_point not in self.given:
                # A distribution took the place of what was noted earlier.
                record.state, record.cause = "disabled", "replaced"
            if record.state != "ok":
                continue
            if NAME.fullmatch(record.name) is None:
                hint = "2 to 31 lower-case letters, digits and underscores, with a letter first"
                record.mark_broken("name", f"its name {record.name!a} is not allowed", hint)
            elif folded(record.name) in server:
                reason = f"its name is that of DevLake's own plugin {server[folded(record.name)]!r}"
                record.mark_broken("reserved", reason, "rename it")
            elif record.name in taken:
                reason = f"its name is that of {_source(taken[record.name])}"
                record.mark_broken("conflict", reason, "use one of the two")
            else:
                taken[record.name] = record
        for record in taken.values():
            path = os.path.join(self.root, record.name, SHIM)
            if os.path.lexists(path) and record.name not in self.shimmed:
                self.foreign = [other for other in self.foreign if other != path]
                reason = f"{path} is not of `devlake bridge sync`, and is not overwritten"
                hint = "sync into a folder of its own, and name that in REMOTE_PLUGIN_DIR"
                record.mark_broken("foreign", reason, hint)

    def _sort_out(self, others: list[PluginRecord]) -> None:
        """Note what gets no new shim; one that it has stays."""
        for record in others:
            here = record.kind == "plugin" and record.name in self.before
            if here and record.name in self.plugins:
                # Of two with one name the other one works.
                here = False
            if here:
                self.plugins[record.name] = self.before[record.name]
            self._note(record, "kept" if here else "left out", broken=record.state != "disabled")

    def _write(self, records: list[PluginRecord], installed: list[PluginRecord]) -> None:
        # The broken ones too: when one is mended, what was written of it is out of date.
        used = [record.distribution for record in installed if record.state != "disabled"]
        content = contents(self.plugins, used)
        paths: list[str] = json.loads(content)["paths"]
        fingerprint = place.key(content, self.root, paths)
        changed = set()
        # The shims come last: none is there before what it reads.
        for record in records:
            if record.kind != "plugin":
                continue
            directory = os.path.join(self.root, record.name)
            files.make(directory)
            info = {**self.infos[record.name], "plugin_path": os.path.join(directory, SHIM)}
            answer = json.dumps({"fingerprint": fingerprint, "info": info}).encode() + b"\n"
            if files.put(os.path.join(directory, place.INFO), answer, 0o644):
                changed.add(record.name)
        files.put(os.path.join(self.root, place.MANIFEST), content, 0o644)
        for record in records:
            if record.kind != "plugin":
                continue
            path = os.path.join(self.root, record.name, SHIM)
            new = files.put(path, this_shim().text(), 0o755)
            self._note(record, "written" if new or record.name in changed else "unchanged")

    def _let_go(self, name: str) -> None:
        record = PluginRecord("plugin", name, "", "", self.before[name].get("legacy", ""))
        if not self.prune:
            reason = "it is no longer installed; its shim stays, because the server may want it"
            hint = "`--prune` removes it, once no blueprint of the server uses it"
            self._note(record, "marked", reason=reason, hint=hint)
            return
        directory = os.path.join(self.root, name)
        for file in (SHIM, place.INFO):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(directory, file))
        with suppress(OSError):  # something of somebody else is in it
            os.rmdir(directory)
        self._note(record, "removed", reason="it is no longer installed")

    def _name_foreign(self) -> None:
        for path in self.foreign:
            own = is_pydevlake(path)
            reason, hint = "the server executes this file too", "take it away, or sync elsewhere"
            if own:
                main = os.path.join(os.path.dirname(path), "main.py")
                hint = f"sync into a folder of its own with --legacy {main}"
            record = PluginRecord("plugin", "", "", "", "")
            self._note(record, "foreign", path=path, broken=not own, reason=reason, hint=hint)

    def _note(
        self,
        record: PluginRecord,
        action: Action,
        *,
        path: str = "",
        broken: bool = False,
        reason: str = "",
        hint: str = "",
    ) -> None:
        shown = record.name if record.kind == "plugin" else f"{record.name} (hooks)"
        if not path and action != "left out":
            path = os.path.join(self.root, record.name, SHIM)
        reason, hint = reason or record.reason, hint or record.hint
        self.entries.append(Entry(shown, action, _source(record), path, broken, reason, hint))


def _source(record: PluginRecord) -> str:
    return record.source or record.entry_point


def _main(path: str) -> str:
    """Return the absolute path of a plugin's ``main.py``, given that or its folder."""
    path = os.path.abspath(path)
    return os.path.join(path, "main.py") if os.path.isdir(path) else path
