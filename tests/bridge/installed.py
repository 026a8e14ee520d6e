"""A folder of installed plugins, made by hand: quicker to break than real distributions."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = """
import devlake_core as dl
{top}


class {kind}Connection(dl.Connection, table=True):
    token: dl.SecretStr = dl.SecretStr("")


class {kind}Board(dl.ToolScope, table=True):
    pass


class {kind}Plugin(dl.Plugin):
    connection_type = {kind}Connection
    tool_scope_type = {kind}Board

    def test_connection(self, connection):
        return dl.TestConnectionResult(True, {message}, 200)

    def remote_scope_groups(self, connection):
        {groups}

    def remote_scopes(self, connection, group_id):
        return []
{more}
"""
_ages = itertools.count(1000)


def code(
    name: str, *, top: str = "", message: str = "'good'", groups: str = "return []", more: str = ""
) -> str:
    """Return a plugin's code: with something at its top, and something for an answer."""
    return PLUGIN.format(kind=name.capitalize(), top=top, message=message, groups=groups, more=more)


class Site:
    """A folder that Python searches, with plugins in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    @property
    def env(self) -> dict[str, str]:
        """The variables with which its plugins are found, and no others."""
        return {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(self.folder)]),
            "DEVLAKE_DISABLED_PLUGINS": "gitrepo,company",
        }

    def install(
        self, name: str, text: str | None = None, *, summary: str = "", group: str = "plugins"
    ) -> None:
        """Install a plugin, or another version of it, a while ago."""
        package = self.package(name)
        # Compiled files tell a version by whole seconds and size.
        shutil.rmtree(package, ignore_errors=True)
        package.mkdir()
        (package / "__init__.py").write_text(code(name) if text is None else text)
        info = self.folder / f"{package.name}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: devlake-plugin-{name}\nVersion: 1.0\n"
            f"Summary: {summary or name}\n"
        )
        entry = f"{package.name}:{name.capitalize()}Plugin"
        (info / "entry_points.txt").write_text(f"[devlake.{group}]\n{name} = {entry}\n")
        (info / "RECORD").write_text(f"{package.name}/__init__.py,,\n")
        self.age()

    def rename_entry(self, name: str, other: str) -> None:
        """Have a plugin's distribution announce it under another name."""
        path = self.folder / f"devlake_plugin_{name}-1.0.dist-info" / "entry_points.txt"
        path.write_text(path.read_text().replace(f"{name} = ", f"{other} = "), encoding="utf-8")

    def package(self, name: str) -> Path:
        """Return the folder of a plugin's modules."""
        return self.folder / f"devlake_plugin_{name}"

    def age(self) -> None:
        """Have it look as if everything was done a while ago, at another time than before."""
        when = time.time() - 100_000 + next(_ages)
        for path in (self.folder, *self.folder.rglob("*")):
            os.utime(path, (when, when))
