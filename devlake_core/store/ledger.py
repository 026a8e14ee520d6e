"""The tables beside a plugin's raw tables: state, quarantine and notes of what to sweep.

Their names begin with ``_raw_<plugin>`` and each has a ``params`` column, because DevLake deletes
a scope's data by that prefix and column: so state goes with its data, and a scope that is added
again gets its whole history.
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table

from devlake_core.model.types import LongText, RawBytes, UTCDateTime

PARAMS_LENGTH = 255
NAME_LENGTH = 255
PARTITION_LENGTH = 64

# MySQL compares text without regard to case by default, and two scopes may differ only there.
EXACT = {"mysql": "utf8mb4_bin", "mariadb": "utf8mb4_bin"}
_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def exact_text(length: int) -> String:
    """Return a text type that tells upper from lower case on every database."""
    text = String(length)
    for dialect, collation in EXACT.items():
        text = text.with_variant(String(length, collation=collation), dialect)
    return text


@lru_cache
def raw_table(name: str) -> Table:
    """Return a raw table: what the tool answered, a record a row."""
    return Table(
        name,
        MetaData(),
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("params", exact_text(PARAMS_LENGTH), nullable=False),
        Column("data", RawBytes, nullable=False),
        Column("url", LongText),
        Column("input", RawBytes),
        Column("created_at", UTCDateTime),
        Index(f"idx_{name}_params", "params"),
        # A number that was used once must not name another row later: positions rely on it.
        sqlite_autoincrement=True,
    )


@lru_cache
def state_table(plugin: str) -> Table:
    """Return the table of a plugin's state: a row per scope, stream and partition."""
    return Table(
        f"_raw_{plugin}__state",
        MetaData(),
        Column("params", exact_text(PARAMS_LENGTH), primary_key=True),
        Column("stream", exact_text(NAME_LENGTH), primary_key=True),
        Column("partition", exact_text(PARTITION_LENGTH), primary_key=True),
        Column("state", LongText),
        Column("claim", BigInteger),
        Column("holder", LongText),
        Column("updated_at", UTCDateTime),
    )


@lru_cache
def quarantine_table(plugin: str) -> Table:
    """Return the table of a plugin's records that could not be extracted or converted."""
    name = f"_raw_{plugin}__quarantine"
    return Table(
        name,
        MetaData(),
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("params", exact_text(PARAMS_LENGTH), nullable=False),
        Column("stream", exact_text(NAME_LENGTH), nullable=False),
        Column("verb", String(16), nullable=False),
        Column("raw_table", exact_text(NAME_LENGTH), nullable=False),
        Column("raw_id", BigInteger),
        Column("reason", LongText),
        Column("created_at", UTCDateTime),
        Index(f"idx_{name}_params", "params"),
        sqlite_autoincrement=True,
    )


@lru_cache
def sweep_table(plugin: str) -> Table:
    """Return the table of what is to be swept: a raw row that is gone, by table to clean.

    ``raw_id`` 0 stands for every row whose raw row is gone.
    """
    name = f"_raw_{plugin}__sweep"
    return Table(
        name,
        MetaData(),
        Column("params", exact_text(PARAMS_LENGTH), nullable=False),
        Column("raw_table", exact_text(NAME_LENGTH), nullable=False),
        Column("target", exact_text(NAME_LENGTH), nullable=False),
        Column("raw_id", BigInteger, nullable=False),
        # With the number: MySQL looks up each row of the table that it sweeps.
        Index(f"idx_{name}_params", "params", "raw_id"),
    )


def ledger_tables(plugin: str) -> list[Table]:
    """Return all tables of a plugin that are made on demand, but for its raw tables."""
    return [state_table(plugin), quarantine_table(plugin), sweep_table(plugin)]
