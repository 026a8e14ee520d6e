"""The domain layer's tables as one migration that creates what is missing.

A database that DevLake's server made has them; there nothing is created, changed or recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import history
from .perform import create
from .script import Script

if TYPE_CHECKING:
    from sqlalchemy import Table

    from devlake_core.store import Store

DOMAIN_SCRIPT = Script(20261124000000, "create the domain layer", (), __name__)


def domain_tables() -> list[Table]:
    """Return all tables of the domain layer."""
    # Imported here: most commands need none of these classes.
    from devlake_core import domain

    return domain.metadata.sorted_tables


def pending_tables(store: Store) -> list[Table]:
    """Return the tables of the domain layer that a database lacks, or may have by half.

    On MySQL a table and its indexes do not come at once. So where nobody has recorded yet that the
    layer is there, every table is looked at.
    """
    if not history.made_by(store):
        return domain_tables()
    found = store.tables()
    return [table for table in domain_tables() if table.name not in found]


def migrate_domain(store: Store) -> bool:
    """Create the tables that are missing; return whether there was something to do.

    The script is recorded unless the database is a server's.
    """
    tables = pending_tables(store)
    if not tables:
        return False
    server = history.made_by(store) == "server"
    with store.transaction() as connection:
        for table in tables:
            create(connection, table)
        if not server:
            history.ensure(connection)
            key = (DOMAIN_SCRIPT.version, DOMAIN_SCRIPT.name)
            if key not in history.applied(connection):
                history.record(connection, DOMAIN_SCRIPT, history.OURS)
    return True
