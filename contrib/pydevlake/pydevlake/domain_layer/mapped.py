"""Make mapped classes of devlake_core's domain tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydevlake import model as bases
from pydevlake.rows import Lenient, LenientMeta

if TYPE_CHECKING:
    from types import ModuleType


def mapped(module: ModuleType, home: str) -> dict[str, Any]:
    """Return a module's classes, that of each table replaced by a mapped one.

    Args:
        module: a module of ``devlake_core.domain``.
        home: the module that the classes are for.
    """
    names = {name: value for name, value in vars(module).items() if _is_ours(value)}
    tables = {kind for kind in names.values() if "__table__" in vars(kind)}
    made = {kind: _mapped(kind, home) for kind in tables}
    return {name: made.get(value, value) for name, value in names.items()}


def _is_ours(value: Any) -> bool:
    return isinstance(value, type) and value.__module__.startswith("devlake_core.domain.")


def _mapped(model: type[Any], home: str) -> Any:
    namespace = {
        "__module__": home,
        "__qualname__": model.__name__,
        "__doc__": model.__doc__,
        "__tablename__": model.__tablename__,
    }
    found = (getattr(bases, kind.__name__, Lenient) for kind in model.__mro__[1:])
    base = next((kind for kind in found if kind is not Lenient), Lenient)
    make: Any = LenientMeta
    return make(model.__name__, (model, base), namespace, table=True)
