"""List what is installed: data sources and packages of shared hooks, with their state."""

from __future__ import annotations

from typing import Any

import click

from .options import json_option
from .output import write, write_json, write_table

BROKEN = 78


@click.command("plugins")
@click.option("--check", is_flag=True, help="Import each in a process of its own, to see.")
@json_option
@click.pass_obj
def command(session: Any, check: bool) -> int:
    """List what is installed, and whether it is healthy.

    Only metadata is read, so most are `unchecked`; --check imports each, and exits with 78 if one
    is broken.
    """
    from devlake_core.plugin import discovery

    records = discovery.found()
    if check:
        from devlake_core.plugin.check import check as check_all

        records = check_all(records)
    if session.json:
        write_json([record.as_dict() for record in records])
    elif not records:
        write("no plugin is installed: in a clone, pip install ./devlake_plugins/gitrepo")
    else:
        write_table(
            ("name", "state", "kind", "version", "distribution", "what it is"),
            [(r.name, r.state, r.kind, r.version, r.distribution, r.summary) for r in records],
        )
        for record in records:
            if record.reason:
                write(f"\n{record.name} ({record.source}) is {record.state}: {record.reason}")
                if record.hint:
                    write(f"  → {record.hint}")
    return BROKEN if check and any(record.state == "broken" for record in records) else 0
