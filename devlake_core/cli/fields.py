"""Options for the fields of a plugin's class: ``--endpoint URL``, ``--token-env VAR`` …"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from devlake_core.errors import UsageError
from devlake_core.model.table import bare_type
from devlake_core.redaction import register_secret
from devlake_core.store.catalog import BOOK_KEEPING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devlake_core.model import Row

_OURS = BOOK_KEEPING | {"id", "connection_id", "name"}
_JSON = (list, dict, tuple, set, frozenset)


class Fields:
    """Know the fields of a connection or scope config class as options.

    Args:
        model: the class.
    """

    def __init__(self, model: type[Row]) -> None:
        self._model = model
        self._infos = {k: v for k, v in model.model_fields.items() if k not in _OURS}
        self._secret = {
            name for name, info in self._infos.items() if _kind(info.annotation) is SecretStr
        }

    def options(self, *, required: bool) -> list[click.Option]:
        """Return the options.

        Args:
            required: whether fields without a default are marked as needed.
        """
        found: list[click.Option] = []
        for name, info in self._infos.items():
            word = name.replace("_", "-")
            note = "  [required]" if required and info.is_required() else ""
            if name in self._secret:
                found += _secret_options(name, word, note)
                continue
            default = "" if info.is_required() or not required else _default(info.default)
            about = info.description or _about(info.annotation)
            help_text = f"{about}{note}{default}".strip()
            found.append(click.Option([f"--{word}", name], metavar="VALUE", help=help_text))
        return found

    def values(self, options: dict[str, Any], *, ask: bool) -> dict[str, Any]:
        """Return the values that the options, the environment, stdin or a prompt give.

        Args:
            options: as click gives them.
            ask: whether to prompt for needed secrets that are not given.

        Raises:
            UsageError: a needed field or a variable is missing.
        """
        found: dict[str, Any] = {}
        missing = []
        for name, info in self._infos.items():
            value = self._secret_value(name, options) if name in self._secret else options[name]
            if value is None and ask and info.is_required():
                if name not in self._secret or not sys.stdin.isatty():
                    missing.append(name)
                    continue
                value = click.prompt(name.replace("_", " "), hide_input=True, err=True)
                register_secret(value)
            if value is not None:
                found[name] = value if name in self._secret else _parsed(name, value, info)
        if missing:
            raise self._lacking(missing)
        return found

    def _secret_value(self, name: str, options: dict[str, Any]) -> str | None:
        variable, stdin = options[f"{name}_env"], options[f"{name}_stdin"]
        word = name.replace("_", "-")
        if variable and stdin:
            message = f"--{word}-env and --{word}-stdin exclude each other"
            raise UsageError(message, hint="say one of them")
        value = None
        if variable:
            value = os.environ.get(variable)
            if not value:
                message = f"the environment variable {variable} is not set"
                raise UsageError(message, hint=f"set it, or leave --{word}-env out to be asked")
        elif stdin:
            value = sys.stdin.readline().rstrip("\r\n")
            if not value:
                message = f"--{word}-stdin: there is nothing on stdin"
                raise UsageError(message, hint=f"for example: pass show token | … --{word}-stdin")
        if value:
            register_secret(value)
        return value

    def _lacking(self, names: list[str]) -> UsageError:
        words = [
            f"--{name.replace('_', '-')}{'-env VAR' if name in self._secret else ' VALUE'}"
            for name in names
        ]
        message = f"needed and not given: {', '.join(names)}"
        return UsageError(message, hint=f"add {' '.join(words)}")


def _kind(annotation: Any) -> Any:
    return bare_type(annotation)


def _secret_options(name: str, word: str, note: str) -> list[click.Option]:
    return [
        click.Option(
            [f"--{word}-env", f"{name}_env"],
            metavar="VAR",
            help=f"Take {name} (a secret) from this environment variable.{note}",
        ),
        click.Option(
            [f"--{word}-stdin", f"{name}_stdin"],
            is_flag=True,
            help=f"Take {name} from a line of stdin.  [asked for where left out]"
            if note
            else f"Take {name} from a line of stdin.",
        ),
    ]


def _about(annotation: Any) -> str:
    kind = _kind(annotation)
    return f"{kind.__name__}." if isinstance(kind, type) and kind is not str else ""


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined or value == "":
        return ""
    if isinstance(value, list):
        value = json.dumps([getattr(item, "value", item) for item in value])
    return f"  [default: {value}]"


def _parsed(name: str, text: str, info: Any) -> Any:
    """Return a text as pydantic takes it; lists and objects are given as JSON or with commas."""
    if text == "" and not info.is_required():
        return info.get_default(call_default_factory=True)
    kind = _kind(info.annotation)
    if not (kind is Any or (isinstance(kind, type) and issubclass(kind, _JSON))):
        return text
    try:
        return json.loads(text)
    except ValueError:
        if kind is Any:
            return text
        if issubclass(kind, dict):
            message = f"--{name.replace('_', '-')} is no JSON object"
            raise UsageError(message, hint='for example {"key": "value"}') from None
        return [part.strip() for part in text.split(",")]


def secret_names(model: type[Row]) -> Iterable[str]:
    """Return the names of the fields of a class that are secrets."""
    return [n for n, info in model.model_fields.items() if _kind(info.annotation) is SecretStr]
