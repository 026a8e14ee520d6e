"""Read a database URL in SQLAlchemy's spelling or in that of DevLake's Go server."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL

from devlake_core.errors import ConfigError

_HINT = (
    "examples: sqlite:///devlake.db, postgresql://user:password@host:5432/devlake, "
    "mysql://user:password@host:3306/devlake; signs like ? / @ # in a password are best "
    "written as %3F %2F %40 %23"
)
_DIALECTS = {
    "sqlite": "sqlite",
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgres": "postgresql",
    "postgresql": "postgresql",
}
_DRIVERS = {
    "sqlite": {"pysqlite"},
    "mysql": {"pymysql", "mysqldb"},
    "postgresql": {"psycopg"},
}
_PLACE = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*)"
    r"(?::(?P<port>\d{1,5}))?"
    r"(?:/(?P<database>[^/?#@]*))?"
    r"(?:\?(?P<query>(?:[\w.-]+=[^&#]*(?:&|$))*))?"
)
_LIBPQ = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssencmode",
        "gsslib",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "options",
        "passfile",
        "port",
        "require_auth",
        "requirepeer",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)
_MYSQL = frozenset(
    {
        "ca-cert",
        "connect_timeout",
        "read_timeout",
        "ssl_ca",
        "ssl_capath",
        "ssl_cert",
        "ssl_check_hostname",
        "ssl_key",
        "tls",
        "unix_socket",
        "write_timeout",
    }
)


def parse_url(text: str) -> URL:
    """Return the URL of a database, with the driver that is used for it.

    Percent-encoded signs in user, password and database are decoded; a password may also hold
    ``?``, ``/`` and ``@`` as they are. Parameters that only Go's drivers know (``parseTime``,
    ``loc``, ``TimeZone`` …) are dropped. The path of an SQLite file is made absolute.

    Raises:
        ConfigError: the text is no URL of a database that is supported; the message does not
            hold it, since there may be a password in it.
    """
    scheme, mark, rest = text.strip().partition("://")
    if not mark:
        message = "the database URL has no scheme"
        raise ConfigError(message, hint=_HINT)
    name, _, driver = scheme.lower().partition("+")
    dialect = _DIALECTS.get(name)
    if dialect is None:
        shown = name if re.fullmatch(r"[a-z0-9_-]{1,20}", name) else "given"
        message = f"the {shown} kind of database is not supported"
        raise ConfigError(message, hint=_HINT)
    if dialect == "sqlite":
        return _sqlite(rest)
    return _server(dialect, driver, rest)


def driver_name(dialect: str, wanted: str = "") -> str:
    """Return SQLAlchemy's name of dialect and driver; a driver not supported is replaced."""
    if wanted in _DRIVERS[dialect]:
        driver = wanted
    elif dialect == "postgresql":
        driver = "psycopg"
    elif find_spec("pymysql") is None and find_spec("MySQLdb") is not None:
        driver = "mysqldb"
    else:
        driver = "pymysql"
    return f"{dialect}+{driver}"


def _sqlite(rest: str) -> URL:
    path, _, query = rest.partition("?")
    if path in {"", "/", "/:memory:"}:
        message = "an SQLite database needs a file: one in memory is gone with its connection"
        raise ConfigError(message, hint=_HINT)
    if not path.startswith("/") or query:
        message = "an SQLite URL has three slashes, then the file's path, and no parameters"
        raise ConfigError(message, hint=_HINT)
    return URL.create("sqlite+pysqlite", database=str(Path(path[1:]).absolute()))


def _server(dialect: str, driver: str, rest: str) -> URL:
    user, password, place = _split(rest)
    query = dict(parse_qsl(place["query"] or "", keep_blank_values=True))
    return URL.create(
        driver_name(dialect, driver),
        username=user,
        password=password,
        host=(place["host"] or "").strip("[]") or None,
        port=int(place["port"]) if place["port"] else None,
        database=unquote(place["database"] or "") or None,
        query=_mysql_query(query) if dialect == "mysql" else _postgresql_query(query),
    )


def _split(rest: str) -> tuple[str | None, str | None, re.Match[str]]:
    """Return user, password and the match of all that follows them.

    Which ``@`` ends the password is not known where it holds one itself, so the first is taken
    after which there stand a host, a port and a database, else only a host.
    """
    found: list[tuple[str | None, re.Match[str]]] = []
    for at in [index for index, sign in enumerate(rest) if sign == "@"]:
        match = _PLACE.fullmatch(rest, at + 1)
        if match:
            found.append((rest[:at], match))
    if "@" not in rest:
        match = _PLACE.fullmatch(rest)
        if match:
            found.append((None, match))
    found.sort(key=lambda item: not item[1]["database"])
    if not found or int(found[0][1]["port"] or 0) > 65535:
        message = "the database URL cannot be read: user:password@host:port/database is expected"
        raise ConfigError(message, hint=_HINT)
    login, place = found[0]
    if login is None:
        return None, None, place
    user, colon, password = login.partition(":")
    return unquote(user) or None, unquote(password) if colon else None, place


def _mysql_query(query: dict[str, str]) -> dict[str, str]:
    return {"charset": "utf8mb4", **{key: query[key] for key in query if key in _MYSQL}}


def _postgresql_query(query: dict[str, str]) -> dict[str, str]:
    kept = {key: query[key] for key in query if key in _LIBPQ}
    if path := query.get("search_path"):
        # Go's driver hands it to the server as a setting of the session, libpq does not know it.
        spelt = re.sub(r"([\\ ])", r"\\\1", path)
        kept["options"] = f"{kept.get('options', '')} -csearch_path={spelt}".strip()
    return kept
