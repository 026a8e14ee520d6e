"""JSON pointers (RFC 6901), with ``*`` for each item of a list."""

from __future__ import annotations

from typing import Any


class _Missing:
    """Stand for a value that is not there, which is not the same as null."""


MISSING = _Missing()


def parts_of(pointer: str) -> list[str]:
    """Return a pointer's parts, with ``~1`` and ``~0`` decoded."""
    if pointer in {"", "/"}:
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def find(value: Any, parts: list[str]) -> Any:
    """Return what the parts lead to, or MISSING."""
    for position, part in enumerate(parts):
        if part == "*" and isinstance(value, list):
            rest = parts[position + 1 :]
            found = [find(item, rest) for item in value]
            return [item for item in found if item is not MISSING]
        if isinstance(value, dict):
            if part not in value:
                return MISSING
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def resolve(value: Any, pointer: str) -> Any:
    """Return what a pointer leads to; None where there is nothing."""
    found = find(value, parts_of(pointer))
    return None if found is MISSING else found


def items_at(value: Any, pointer: str) -> list[Any]:
    """Return the records that a pointer leads to: an array's items, an object itself, or none."""
    found = find(value, parts_of(pointer))
    if found is MISSING or found is None:
        return []
    return found if isinstance(found, list) else [found]
