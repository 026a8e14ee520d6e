"""Names that follow from a class: its plugin, its tables, the plural of a word."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PLUGIN_PACKAGE_PREFIX = "devlake_plugin_"
DECLARATION = "__devlake_plugin__"

# What inflect says, which named pydevlake's tables: "indexes" and "datas" included.
_IRREGULAR = {
    "person": "people",
    "child": "children",
    "man": "men",
    "woman": "women",
    "foot": "feet",
    "tooth": "teeth",
    "mouse": "mice",
    "goose": "geese",
    "ox": "oxen",
    "money": "monies",
    "datum": "data",
    "criterion": "criteria",
    "phenomenon": "phenomena",
    "axis": "axes",
    "codex": "codices",
    "nucleus": "nuclei",
    "quiz": "quizzes",
    "life": "lives",
    "knife": "knives",
    "wife": "wives",
    "leaf": "leaves",
    "loaf": "loaves",
    "half": "halves",
    "calf": "calves",
    "self": "selves",
    "shelf": "shelves",
    "wolf": "wolves",
    "scarf": "scarves",
    "hero": "heroes",
    "echo": "echoes",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "veto": "vetoes",
    "todo": "todoes",
    "cargo": "cargoes",
    "embargo": "embargoes",
    "volcano": "volcanoes",
    **dict.fromkeys(["series", "species", "news", "equipment", "information"]),
    **dict.fromkeys(["corps", "chassis", "headquarters", "fish", "sheep", "deer", "aircraft"]),
}


def plural(word: str) -> str:
    """Return the English plural of a lower-case word, or of the last word in a compound."""
    for singular in sorted(_IRREGULAR, key=len, reverse=True):
        # "lifecycle" ends in no irregular; "builddatum" does, "human" must not become "humen".
        if word == singular or (len(singular) > 4 and word.endswith(singular)):
            return word[: -len(singular)] + (_IRREGULAR[singular] or singular)
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    if re.search(r"sis$", word):
        return word[:-2] + "es"
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    return word + "s"


def package_name(module_name: str) -> str:
    """Return the name of the plugin that a module belongs to.

    It is declared by ``__devlake_plugin__`` in the module or one of its packages, else it follows
    from the import package without ``devlake_plugin_``; a module in no package bears the name of
    its folder. It never follows from where a package is installed.
    """
    parts = module_name.split(".")
    for end in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:end]))
        declared = getattr(module, DECLARATION, None)
        if declared:
            return str(declared)
    top = sys.modules.get(parts[0])
    file = getattr(top, "__file__", None)
    if hasattr(top, "__path__") or (file is None and parts[0] != "__main__"):
        name = parts[0].removeprefix(PLUGIN_PACKAGE_PREFIX)
    else:
        name = Path(file).resolve().parent.name if file else "main"
    return re.sub(r"\W", "_", name, flags=re.ASCII).lower()


def tool_table_name(module_name: str, class_name: str) -> str:
    """Return the table name of a tool-layer class: ``_tool_<plugin>_<plural of the class>``."""
    return f"_tool_{package_name(module_name)}_{plural(class_name.lower())}"


def camel_case(name: str) -> str:
    """Return ``snake_case`` as ``camelCase``; the first part is left as it is."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)
