"""The types and tables that DevLake's server makes of what a plugin announces."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devlake_core import crypto

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]

SECRET = "secret"
ENTITIES = ["CODE", "TICKET", "CODEREVIEW", "CROSS", "CICD", "CODEQUALITY"]
ORIGIN = {
    "_raw_data_params": "varchar(255)",
    "_raw_data_table": "varchar(255)",
    "_raw_data_id": "bigint",
    "_raw_data_remark": "text",
}
TIMES = ("created_at", "updated_at")
NEVER = "0001-01-01T00:00:00Z"
_KINDS = {
    "mysql": {
        "integer": "bigint",
        "number": "double",
        "boolean": "tinyint(1)",
        "array": "json",
        "object": "json",
        "date-time": "datetime(3)",
        "string": "text",
    },
    "postgresql": {
        "integer": "bigint",
        "number": "decimal",
        "boolean": "boolean",
        "array": "jsonb",
        "object": "jsonb",
        "date-time": "timestamptz",
        "string": "text",
    },
}


def column_name(name: str) -> str:
    """Return the column of a property."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def instant(said: str) -> datetime:
    """Return a time, which must have a zone, as the columns of times take it."""
    time = datetime.fromisoformat(said)
    assert time.tzinfo is not None, said
    return time.astimezone(UTC).replace(tzinfo=None)


class Kind:
    """Be a type that the server makes of a plugin's schema.

    Attributes:
        table: where its rows are.
        properties: what the schema says of each field, by name.
        required: the fields that have a value of their type where others have none.
    """

    def __init__(self, info: Mapping[str, Any]) -> None:
        schema = info["json_schema"]
        assert isinstance(schema["title"], str)
        self.table: str = info["table_name"]
        self.properties: dict[str, Row] = schema["properties"]
        self.required: list[str] = schema.get("required", [])
        names = [name.replace("_", "").lower() for name in self.properties]
        assert len({*names}) == len(names)
        for name, said in self.properties.items():
            assert re.fullmatch(r"[A-Za-z]\w*", name) or name in ORIGIN
            assert said["type"] in _KINDS["mysql"], (name, said)

    def type_of(self, name: str) -> str:
        """Return a field's type."""
        said = self.properties[name]
        return "date-time" if said.get("format") == "date-time" else str(said["type"])

    def sent(self, row: Mapping[str, Any]) -> Row:
        """Return a row as the server sends it: without null, but for times, lists and objects."""
        values: Row = {}
        for name in self.properties:
            value = row.get(name if name in ORIGIN else column_name(name))
            kind = self.type_of(name)
            if isinstance(value, datetime):
                aware = value if value.tzinfo else value.replace(tzinfo=UTC)
                value = aware.astimezone(UTC).isoformat(timespec="milliseconds")
                value = value.replace("+00:00", "Z")
            elif value is None and kind == "date-time":
                value = NEVER if name in self.required else None
            elif kind in {"array", "object"} and isinstance(value, str):
                value = json.loads(value)
            elif value is None and name == "_raw_data_id":
                value = 0
            elif value is None:
                value = {"string": "", "integer": 0, "number": 0, "boolean": False}.get(kind)
            if self.properties[name].get("format") == "password":
                value = crypto.decrypt(SECRET, str(value)).decode()
            values[name] = value
        return values

    def blank(self) -> Row:
        """Return what the server sends where there is no row but it wants one."""
        values = self.sent(dict.fromkeys([*map(column_name, self.properties), *ORIGIN]))
        return {**values, "createdAt": NEVER, "updatedAt": NEVER, "entities": ENTITIES}

    def columns(self, dialect: str) -> list[str]:
        """Return the columns as the server declares them."""
        kinds = _KINDS[dialect]
        keys = [name for name, said in self.properties.items() if said.get("primaryKey")]
        columns = [f"{name} {kinds['date-time']}" for name in TIMES]
        columns += [f"{name} {kind}" for name, kind in ORIGIN.items()]
        for name, said in self.properties.items():
            column = column_name(name)
            if name in ORIGIN or column in TIMES:
                continue
            kind = kinds[self.type_of(name)]
            if kind == "text" and said.get("maxLength", 256) <= 255:
                kind = f"varchar({said['maxLength']})"
            if name in keys and kind == "text":
                kind = "varchar(255)"
            if keys == [name] and kind == "bigint" and said.get("autoIncrement") is not False:
                kind = "bigint auto_increment" if dialect == "mysql" else "bigserial"
            columns.append(f"{column} {kind}")
        return [*columns, f"PRIMARY KEY ({', '.join(map(column_name, keys))})"]


def recorded_columns(table: Mapping[str, Any], dialect: str) -> list[str]:
    """Return the columns of a table that was recorded of a server."""
    quote = "`" if dialect == "mysql" else '"'
    columns = []
    recorded = table["mysql" if dialect == "mysql" else "postgres"]
    if not recorded:
        return []
    for name, said in recorded.items():
        kind = re.sub(
            r"\b(bigint|integer) not null default nextval.*",
            r"\1 generated by default as identity",
            said,
        )
        columns.append(f"{quote}{name}{quote} {kind}")
    key = ", ".join(f"{quote}{name}{quote}" for name in table["primary_key"])
    return [*columns, f"PRIMARY KEY ({key})"]
