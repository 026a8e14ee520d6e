"""A plugin that is no distribution: a folder with a ``main.py``, as pydevlake's were."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devlake_core.errors import PluginLoadError, UsageError
from devlake_core.plugin.base import Plugin
from devlake_core.plugin.guard import guarded
from devlake_core.plugin.records import PluginRecord

if TYPE_CHECKING:
    from types import ModuleType

    from devlake_core.plugin.manager import Host


def add_legacy(host: Host, path: str) -> Plugin:
    """Load the plugin of a ``main.py`` and take it in.

    Args:
        host: where it goes.
        path: the file, or its folder.

    Raises:
        UsageError: there is no such file.
        PluginLoadError: it cannot be imported, or holds no plugin.
    """
    file = Path(path).absolute()
    if file.is_dir():
        file /= "main.py"
    if not file.is_file():
        message = f"there is no plugin at {path}"
        raise UsageError(message, hint="name a main.py, or the folder that it is in")
    record = PluginRecord("plugin", file.parent.name, str(file), "", str(file))
    with guarded(record, "while it was imported"):
        module = _module(file)
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Plugin)
        and kind is not Plugin
        and kind.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        message = f"{file} holds {len(kinds)} classes of plugins, not one"
        raise PluginLoadError(message, hint="write one subclass of Plugin in it")
    with guarded(record, "while it was made"):
        plugin: Plugin = kinds[0]()
    host.add(plugin)
    return plugin


def _module(file: Path) -> ModuleType:
    """Import a file as Python would that runs it: its folder is searched first.

    A file in a package is imported as a module of that package, so that names follow from it. It
    may import its neighbours as modules of a package too where ``__init__.py`` is missing.
    """
    folder = file.parent
    packaged = (folder / "__init__.py").exists()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if str(folder.parent) not in sys.path:
        sys.path.insert(0 if packaged else len(sys.path), str(folder.parent))
    if packaged:
        return importlib.import_module(f"{folder.name}.{file.stem}")
    name = f"devlake_legacy_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        message = f"{file} is no Python file"
        raise PluginLoadError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
