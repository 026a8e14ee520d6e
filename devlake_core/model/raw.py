"""Where a row comes from: the raw table, and the params that name connection and scope."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from devlake_core.errors import UsageError

PARAMS_LENGTH = 255

# Go's json.Marshal writes these so, and DevLake deletes a scope's data by comparing the text.
_GO_ESCAPES = str.maketrans(
    {
        "&": "\\u0026",
        "<": "\\u003c",
        ">": "\\u003e",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)
_SURROGATE = re.compile("[\ud800-\udfff]")
# Go before 1.22, with which the server is built, gives these their number, Python their letter.
_LETTERS = {"\\b": "\\u0008", "\\f": "\\u000c"}


class RawOrigin(NamedTuple):
    """Name one raw row.

    Attributes:
        table: the raw table.
        params: connection and scope, as ``raw_data_params`` spells them.
        id: the row's number.
    """

    table: str
    params: str
    id: int


def raw_table_name(plugin: str, stream: str) -> str:
    """Return the name of a stream's raw table: ``_raw_<plugin>_<stream>``."""
    return f"_raw_{plugin}_{stream}"


def raw_data_params(connection_id: int | None, scope_id: str) -> str:
    """Return connection and scope as DevLake's server spells them in ``_raw_data_params``.

    The text is that of Go's ``json.Marshal``: compact, UTF-8 kept, ``& < >`` and the two Unicode
    line separators escaped.

    Raises:
        UsageError: the text has more than 255 characters, which no column holds.
    """
    scope = json.dumps(_well_formed(str(scope_id)), ensure_ascii=False).translate(_GO_ESCAPES)
    if "\\" in scope:
        # Whole escapes are looked at: in an escaped backslash before a "b" is no such letter.
        scope = re.sub(r"\\.", lambda found: _LETTERS.get(found[0], found[0]), scope)
    text = f'{{"ConnectionId":{connection_id or 0},"ScopeId":{scope}}}'
    if len(text) > PARAMS_LENGTH:
        message = f"the scope id {str(scope_id)[:60]!r}… is too long: {len(text)} of 255 characters"
        raise UsageError(message, hint="use a shorter id for this scope")
    return text


def pydevlake_params(connection_id: int | None, scope_id: str) -> str:
    """Return connection and scope as pydevlake spelled them (Python's default JSON, compact)."""
    return json.dumps(
        {"ConnectionId": connection_id or 0, "ScopeId": str(scope_id)}, separators=(",", ":")
    )


def _well_formed(text: str) -> str:
    """Return a text with U+FFFD for what has no UTF-8 form, as Go's JSON decoder reads it."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
