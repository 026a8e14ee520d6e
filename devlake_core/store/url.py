"""Database URLs: SQLAlchemy's forms and those of DevLake's Go server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL

from devlake_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_KINDS = {
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
_FORMS = "sqlite:///file.db, postgresql://user:password@host/database or mysql://…"


def parse_url(text: str) -> URL:
    """Return a database URL in the form that we connect with.

    SQLAlchemy's forms are taken, with any driver or none, and the Go server's
    (``mysql://…?charset=utf8mb4&parseTime=True&loc=UTC``, ``postgres://…?sslmode=disable``): what
    only Go's drivers understand is left out. A password may hold any character that is
    percent-encoded, and ``?`` as it is.

    Raises:
        ConfigError: the text is no database URL; the message does not repeat it, since it may
            hold a password.
    """
    scheme, found, rest = text.strip().partition("://")
    kind = _KINDS.get(scheme.partition("+")[0].lower())
    if not found or kind is None:
        message = "the database URL is not understood"
        raise ConfigError(message, hint=f"write it like {_FORMS}")
    if kind == "sqlite":
        path, _, query = rest.partition("?")
        return URL.create(
            DRIVERS[kind], database=unquote(path[1:]) or None, query=dict(parse_qsl(query))
        )
    # The last "@" ends the credentials, whatever stands in the password.
    credentials, at, place = rest.rpartition("@")
    match = re.fullmatch(
        r"(?:tcp\()?(?P<host>\[[^\]]+\]|[^:/?)]*)(?::(?P<port>\d+))?\)?"
        r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
        place,
    )
    if match is None or not match["database"]:
        message = "the database URL names no host and database"
        raise ConfigError(message, hint=f"write it like {_FORMS}")
    user, colon, password = credentials.partition(":")
    return URL.create(
        DRIVERS[kind],
        username=unquote(user) if at else None,
        password=unquote(password) if colon else None,
        host=(match["host"] or "localhost").strip("[]"),
        port=int(match["port"]) if match["port"] else None,
        database=unquote(match["database"]),
        query=_query(kind, dict(parse_qsl(match["query"] or "", keep_blank_values=True))),
    )


def _query(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that our drivers understand."""
    if kind == "mysql":
        known = {k: v for k, v in given.items() if k in {"unix_socket", "ssl_ca", "charset"}}
        known["charset"] = "utf8mb4"
        if given.get("tls", "").lower() in {"true", "skip-verify", "preferred"}:
            checked = given["tls"].lower() == "true"
            known |= {"ssl_verify_cert": str(checked).lower(), "ssl_check_hostname": str(checked).lower()}
        known |= {k: v for k, v in given.items() if k.startswith("ssl_")}
        return known
    kept = {"sslmode", "sslrootcert", "sslcert", "sslkey", "host", "options", "connect_timeout"}
    known = {k: v for k, v in given.items() if k in kept}
    if known.get("sslmode", "disable") not in _SSL_MODES:
        message = "the database URL has an unknown sslmode"
        raise ConfigError(message, hint=f"use one of {', '.join(sorted(_SSL_MODES))}")
    return known
