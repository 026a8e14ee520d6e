"""The variable ``DB_URL``, for plugins that open the database themselves."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devlake_core import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.store import Store

VARIABLE = "DB_URL"


@contextmanager
def db_url_for(plugin: Any, store: Store) -> Iterator[None]:
    """Set the variable in the block if the plugin's source names it.

    The framework keeps it from plugins. Whatever this one starts sees the database's password, so
    the log says so.
    """
    if VARIABLE in os.environ or not _asks_for_it(type(plugin).__module__):
        yield
        return
    logger.warning(
        "plugin %s reads %s, so it and what it starts are given the database's password; "
        "context.engine needs none",
        plugin.name,
        VARIABLE,
    )
    scheme = {"postgresql": "postgres"}.get(store.dialect, store.dialect)
    url = store.url.set(drivername=scheme)
    os.environ[VARIABLE] = url.render_as_string(hide_password=False)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)


@cache
def _asks_for_it(module: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return False
    return any(
        VARIABLE in path.read_text("utf-8", "replace") for path in Path(file).parent.rglob("*.py")
    )
