"""JSON schemas as pydantic 1 wrote them, which is what DevLake's server was told so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from collections.abc import Container

    from pydantic_core import core_schema


class PydanticOne(GenerateJsonSchema):
    """Give titles and addresses pydantic 1's form."""

    def get_title_from_name(self, name: str) -> str:
        """Return a field's title; pydantic 1 kept the leading blank of ``_raw_data_id``."""
        return name.title().replace("_", " ")

    def url_schema(self, schema: core_schema.UrlSchema) -> dict[str, Any]:
        """Return an address with the length that it was limited to."""
        return {"maxLength": 2**16, **super().url_schema(schema)}


def like_pydevlake(schema: dict[str, Any], wanted: Container[str | None] = ()) -> dict[str, Any]:
    """Return a model's schema with pydevlake's own peculiarities.

    An enumeration had no other description than this, the id of a raw row was a text, a list of an
    enumeration's members had neither a title nor, in its items, a type, and none but the type was
    said of what may be null.

    Args:
        schema: the schema, which is changed.
        wanted: names of properties that are required although they have a default.
    """
    required = schema.get("required", [])
    definitions = schema.get("$defs", {})
    for definition in definitions.values():
        if "enum" in definition:
            definition["description"] = "An enumeration."
        for prop in definition.get("properties", {}).values():
            real = [kind for kind in prop.get("anyOf", ()) if kind != {"type": "null"}]
            if len(real) == 1:
                del prop["anyOf"]
                prop.update(real[0])
    for name, prop in schema["properties"].items():
        if name in wanted:
            prop.pop("default", None)
            required = [*required, name]
        if name == "_raw_data_id":
            prop.pop("anyOf", None)
            prop["type"] = "string"
        target = prop.get("items", {}).get("$ref", "").rpartition("/")[2]
        items = definitions.get(target, {})
        if "enum" in items:
            prop.pop("title", None)
            prop["items"] = {key: value for key, value in items.items() if key != "type"}
    if required:
        schema["required"] = [name for name in schema["properties"] if name in required]
    return schema
