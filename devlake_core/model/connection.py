"""How to reach a tool."""

from typing import Annotated, Any

from pydantic import AnyUrl, BeforeValidator, ConfigDict

from .field import Field
from .tables import Model, ToolTable


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


class Connection(ToolTable, Model):
    """Hold what a plugin needs to reach its tool: addresses, credentials, a proxy.

    A secret is a ``SecretStr``: encrypted in the database, masked everywhere else.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # type: ignore[assignment]

    name: str
    proxy: Annotated[AnyUrl | None, BeforeValidator(_empty_is_none)] = Field(default=None)
