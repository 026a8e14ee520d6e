"""The only room that speaks SQL for rows: engine, raw tables, bulk writes, sweep, state."""

from .bulk import Writer, Written
from .claim import Claim, claimed
from .engine import Store, describe
from .faults import Conflict, LoginRefused
from .ledger import raw_table
from .raw import ensure_raw, respell_params
from .read import read_batches
from .rows import count_rows, count_scopes, existing_rows
from .url import parse_url

__all__ = [
    "Claim",
    "Conflict",
    "LoginRefused",
    "Store",
    "Writer",
    "Written",
    "claimed",
    "count_rows",
    "count_scopes",
    "describe",
    "ensure_raw",
    "existing_rows",
    "parse_url",
    "raw_table",
    "read_batches",
    "respell_params",
]
