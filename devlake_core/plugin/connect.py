"""Find out whether a connection works, and say so whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from devlake_core.errors import (
    APIException,
    ConfigError,
    ConnectionRejected,
    PluginError,
    RequestError,
)

from .clean import clean
from .messages import TestConnectionResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devlake_core.model import Connection

    from .base import Plugin


def connection_of(plugin: Plugin, values: Mapping[str, Any]) -> Connection:
    """Return a connection made of values.

    Raises:
        ConfigError: fields are missing or wrong; the message names them, never their values.
    """
    try:
        return plugin.connection_type.model_validate(dict(values))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        words = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or plugin.connection_type.__name__}: {item['msg']}"
            for item in problems
        )
        message = f"connection of plugin {plugin.name!r} is not valid: {clean(words, 500)}"
    # Outside of the except block: the chained error would carry the values, secrets included.
    raise ConfigError(message)


def try_connection(
    plugin: Plugin, connection: Connection | Mapping[str, Any]
) -> TestConnectionResult:
    """Return whether a connection works; what the tool refuses is an answer, no error.

    Args:
        plugin: the connection's plugin.
        connection: the connection, or its values as the server sends them.
    """
    if not hasattr(connection, "model_dump"):
        try:
            connection = connection_of(plugin, connection)
        except ConfigError as error:
            # The server tests a saved connection with its proxy and token alone.
            hint = "open the connection and test it there"
            return TestConnectionResult(False, f"{error.message}; {hint}", 400)
    try:
        result = plugin.test_connection(connection)
    except APIException as error:
        status = int(getattr(error.response, "status", 503))
        return TestConnectionResult(False, clean(error.message, 1000), status)
    except ConnectionRejected as error:
        return TestConnectionResult(False, clean(error.message, 1000), 401)
    except RequestError as error:
        return TestConnectionResult(False, clean(error.message, 1000), 503)
    if not isinstance(result, TestConnectionResult):
        kind = type(result).__name__
        message = f"test_connection() of plugin {plugin.name!r} gives {kind}"
        raise PluginError(message, plugin=plugin.name, hint="return a TestConnectionResult")
    return result
