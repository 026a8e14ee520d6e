"""The work as devlake_core does it: the plugin's stream, verb by verb."""

from __future__ import annotations

# What a run imports on demand is no part of what is measured.
from devlake_core.api import transport  # noqa: F401
from devlake_core.domain import ticket
from devlake_core.model import ScopeConfig, registry_of
from devlake_core.store import Store, ensure_raw
from devlake_core.stream import Context
from devlake_core.subtask import collect, convert, extract

from .plugin import BenchAPI, BenchConnection, Issues, Tracker

VERBS = {"collect": collect, "extract": extract, "convert": convert}


def prepare(database: str) -> None:
    """Make the tables, for either side."""
    store = Store.open(database)
    ensure_raw(store, "bench", "_raw_bench_issues")
    with store.transaction() as connection:
        registry_of("bench").metadata.create_all(connection)
        ticket.Issue.__table__.create(connection)
    store.close()


def run(verb: str, database: str, server: str) -> int:
    """Run one verb; return how many records it read."""
    store = Store.open(database)
    scope = Tracker(id="all", name="all", connection_id=1)
    connection = BenchConnection(id=1, name="local", endpoint=server)
    ctx: Context = Context(store, connection, scope, ScopeConfig())
    ctx.api_type = BenchAPI
    stream = Issues("bench")
    ctx.streams = [stream]
    done = 0
    for progress in VERBS[verb](ctx, stream):
        done = progress.current
    store.close()
    if ctx.counts["quarantined"]:
        message = f"{verb}: {ctx.counts['quarantined']} records went to quarantine"
        raise RuntimeError(message)
    return done
