"""JSON schemas as pydantic 1 wrote them, which is what DevLake's server was told so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from pydantic_core import core_schema


class PydanticOne(GenerateJsonSchema):
    """Give titles and addresses pydantic 1's form."""

    def get_title_from_name(self, name: str) -> str:
        """Return a field's title; pydantic 1 kept the leading blank of ``_raw_data_id``."""
        return name.title().replace("_", " ")

    def url_schema(self, schema: core_schema.UrlSchema) -> dict[str, Any]:
        """Return an address with the length that it was limited to."""
        return {"maxLength": 2**16, **super().url_schema(schema)}


def like_pydevlake(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a model's schema with pydevlake's own peculiarities.

    An enumeration had no other description than this, the id of a raw row was a text, and a list
    of an enumeration's members had neither a title nor, in its items, a type.
    """
    definitions = schema.get("$defs", {})
    for definition in definitions.values():
        if "enum" in definition:
            definition["description"] = "An enumeration."
    for name, prop in schema["properties"].items():
        if name == "_raw_data_id":
            prop.pop("anyOf", None)
            prop["type"] = "string"
        target = prop.get("items", {}).get("$ref", "").rpartition("/")[2]
        items = definitions.get(target, {})
        if "enum" in items:
            prop.pop("title", None)
            prop["items"] = {key: value for key, value in items.items() if key != "type"}
    return schema
