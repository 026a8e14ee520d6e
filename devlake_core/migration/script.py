"""Migration scripts: the decorator that makes one, and whose it is."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devlake_core.errors import PluginLoadError
from devlake_core.model import package_name

from .builder import MigrationScriptBuilder
from .final import default_scope_config, final_tables
from .operations import CreateTable, Dialect, Execute, Operation
from .rules import check_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEFAULT_SCOPE_CONFIG = 20200101000000

_by_module: dict[str, dict[str, Script]] = {}


@dataclass(frozen=True)
class Script:
    """One migration: what it does, and the version and name that it is recorded under.

    Attributes:
        version: 14 digits, YYYYMMDDhhmmss; scripts run in this order.
        name: what it does, in words.
        operations: what it does.
        module: the module that it is written in.
        warnings: what its author should look at.
    """

    version: int
    name: str
    operations: tuple[Operation, ...]
    module: str = ""
    warnings: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets: everything but what is for SQLite."""
        sent = [
            operation.to_wire()
            for operation in self.operations
            if not (isinstance(operation, Execute) and operation.dialect is Dialect.SQLITE)
        ]
        return {"operations": sent, "version": self.version, "name": self.name}

    def __str__(self) -> str:
        """Return version and name."""
        return f"{self.version} ({self.name})"


def migration(
    version: int, name: str | None = None
) -> Callable[[Callable[[MigrationScriptBuilder], Any]], Script]:
    """Make a migration script of a function, which is called at once with a builder.

    Args:
        version: when it was written: 14 digits, YYYYMMDDhhmmss.
        name: what it does; the function's name where it is left out.

    Raises:
        PluginLoadError: the version has not 14 digits, or the script does what none may do.
    """

    def decorate(function: Callable[[MigrationScriptBuilder], Any]) -> Script:
        title = name or function.__name__
        if not re.fullmatch(r"[1-9]\d{13}", str(version)):
            message = f"migration {title!r}: version {version!r} has not 14 digits"
            raise PluginLoadError(message, hint="write the time as YYYYMMDDhhmmss")
        builder = MigrationScriptBuilder()
        try:
            function(builder)
        except PluginLoadError as error:
            message = f"migration {version} ({title}): {error}"
            raise PluginLoadError(message, hint=error.hint) from error
        script = Script(
            version,
            title,
            tuple(builder.operations),
            function.__module__,
            tuple(builder.warnings),
        )
        # By the function's name, so that a module that is imported anew replaces its own.
        known = _by_module.setdefault(function.__module__, {})
        known[f"{version} {function.__qualname__}"] = script
        return script

    return decorate


def scripts_of(plugin: Any) -> list[Script]:
    """Return a plugin's scripts in the order in which they run.

    They are those in the plugin's package (its ``migrations`` modules are imported here), those
    in ``Plugin.migrations``, and those that shared hooks packages have for it.

    Raises:
        PluginLoadError: a module of them cannot be imported, two have one version and name, or
            one touches a table that is not the plugin's.
    """
    package = _package_of(type(plugin).__module__)
    _import_migrations(package)
    deeper = [other for other in _other_packages(plugin) if _within(other, package)]
    given = [*getattr(plugin, "migrations", ()), *getattr(plugin, "_added_migrations", ())]
    found: dict[tuple[int, str], Script] = {}
    for script in [*_written_in(package, deeper), *given]:
        if not isinstance(script, Script):
            message = f"plugin {plugin.name!r}: {script!r} is no migration script"
            raise PluginLoadError(message, hint="decorate it with @dl.migration(version)")
        if found.setdefault((script.version, script.name), script) is not script:
            message = f"plugin {plugin.name!r} has two migrations {script}"
            raise PluginLoadError(message, hint="give one of them another name")
    scope_config = default_scope_config(plugin)
    if scope_config is not None:
        operation = CreateTable(scope_config)
        # Version and name are the key of the history, which all plugins share.
        implied = Script(_DEFAULT_SCOPE_CONFIG, f"create {operation.table}", (operation,))
        found.setdefault((implied.version, implied.name), implied)
    names = {plugin.name, package_name(type(plugin).__module__)}
    own = set(final_tables(plugin))
    for script in found.values():
        try:
            check_tables(script.operations, names, own)
        except PluginLoadError as error:
            message = f"plugin {plugin.name!r}, migration {script}: {error}"
            raise PluginLoadError(message, plugin=plugin.name, hint=error.hint) from error
    return [found[key] for key in sorted(found)]


def _package_of(module: str) -> str:
    """Return the package that a plugin's scripts are looked for in.

    A ``main.py`` that is run, or loaded by itself, counts as part of the package that its folder
    may be.
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    if module == "__main__" or Path(file or "").name == "main.py":
        return _folder_of(module) or module.rpartition(".")[0] or module
    if hasattr(sys.modules.get(module), "__path__"):
        return module
    return module.rpartition(".")[0] or module


def _folder_of(module: str) -> str:
    """Return the name of the folder of a file that is in no package; empty for others."""
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if "." in module or file is None or hasattr(found, "__path__"):
        return ""
    return Path(file).resolve().parent.name


def _within(module: str, package: str) -> bool:
    return module.startswith(f"{package}.") or module == package


def _written_in(package: str, deeper: list[str]) -> Iterator[Script]:
    for module, scripts in _by_module.items():
        beside = _folder_of(module) == package
        inside = _within(module, package) and not any(_within(module, other) for other in deeper)
        if beside or inside:
            yield from scripts.values()


def _other_packages(plugin: Any) -> set[str]:
    """Return the packages of other plugins: a script belongs to the nearest one."""
    framework = [c for c in type(plugin).__mro__ if c.__module__.startswith("devlake_core.")]
    waiting, packages = list(framework), set()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        packages.add(_package_of(kind.__module__))
    return packages - {_package_of(type(plugin).__module__)}


def _import_migrations(package: str) -> None:
    name = f"{package}.migrations"
    try:
        if not _is_there(package, name):
            return
        module = importlib.import_module(name)
        for info in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            importlib.import_module(info.name)
    except PluginLoadError:
        raise
    except Exception as error:
        message = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise PluginLoadError(message, hint="ask the plugin's author") from error


def _loaded_files() -> set[str | None]:
    return {getattr(module, "__file__", None) for module in list(sys.modules.values())}


def _is_there(package: str, name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        # The plugin is a single file, which has no modules in it.
        return False
    if spec is None or spec.origin in _loaded_files():
        return False
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if package in sys.modules or main is None:
        return True
    # A script in a folder that bears the name of some other package.
    return str(spec.origin).startswith(str(Path(main).resolve().parent))
