"""What DevLake's server is told of a model: a flat JSON schema and the table's name.

The server makes a Go struct of it (``DynamicModelInfo``), which wants a plain ``type`` on each
property and no references. The shape was recorded from a running server.
"""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, SecretStr

from .field import origin_of
from .table import bare_type, column_of


def _inlined(schema: Any, definitions: dict[str, Any], depth: int = 0) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, definitions, depth) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        # A model that holds itself is an object to the server; so is what nests too deep.
        target = {"type": "object"} if depth > 8 else definitions[name]
        return {**_inlined(target, definitions, depth + 1), **rest}
    return {key: _inlined(value, definitions, depth) for key, value in schema.items()}


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property with one plain type: ``anyOf`` X and null is X."""
    choices = schema.pop("anyOf", None) or schema.pop("oneOf", None) or schema.pop("allOf", None)
    if choices:
        real = [choice for choice in choices if choice.get("type") != "null"]
        numbers = [choice for choice in real if choice.get("type") in {"number", "integer"}]
        chosen = (numbers or real or [{"type": "string"}])[0]
        schema = {**_flat(dict(chosen)), **schema}
    if schema.get("default", "") is None:
        del schema["default"]
    if "const" in schema:
        schema.setdefault("enum", [schema.pop("const")])
    schema.setdefault("type", "object")
    return schema


def model_info(model: Any) -> dict[str, Any]:
    """Return ``{"json_schema": …, "table_name": …}`` for a model class, as the server wants it."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    definitions = schema.pop("$defs", {})
    properties: dict[str, Any] = {}
    by_alias = {info.alias or name: (name, info) for name, info in model.model_fields.items()}
    for alias, prop in schema["properties"].items():
        name, info = by_alias[alias]
        flat = _flat(_inlined(prop, definitions))
        kind = bare_type(info.annotation)
        if kind is AwareDatetime:
            flat["format"] = "date-time"
        elif isinstance(kind, type) and issubclass(kind, SecretStr):
            flat.update(format="password", writeOnly=True)
        column = column_of(name, info)
        extra: dict[str, Any] = {}
        if column.primary_key:
            extra["primaryKey"] = True
        increment = origin_of(info).auto_increment
        if increment is None and column.autoincrement != "auto":
            increment = bool(column.autoincrement)
        if increment is not None:
            extra["autoIncrement"] = increment
        source = origin_of(info).source
        if source is not None:
            extra["source"] = source
        properties[alias] = {**flat, **extra}
    result = {"title": schema["title"], "type": "object", "properties": properties}
    if schema.get("required"):
        result["required"] = schema["required"]
    return {"json_schema": result, "table_name": str(model.__tablename__)}
