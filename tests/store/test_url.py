"""Database URLs as people and DevLake's server write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devlake_core.errors import ConfigError
from devlake_core.store.url import parse_url

GO_MYSQL = "mysql://merico:secret@mysql:3306/lake?charset=utf8mb4&parseTime=True&loc=UTC"


def test_url_of_go_loses_what_only_go_knows():
    url = parse_url(
        GO_MYSQL + "&timeout=30s&readTimeout=1m&collation=utf8mb4_bin&interpolateParams=true"
        "&maxAllowedPacket=0&tls=preferred"
    )
    assert url.drivername == "mysql+pymysql"
    assert (url.username, url.password, url.host, url.port) == ("merico", "secret", "mysql", 3306)
    assert url.database == "lake"
    assert dict(url.query) == {"charset": "utf8mb4", "tls": "preferred"}


def test_postgres_url_keeps_what_libpq_knows():
    url = parse_url("postgres://u:p@h:5432/lake?sslmode=disable&TimeZone=Asia/Shanghai&loc=Local")
    assert url.drivername == "postgresql+psycopg"
    assert dict(url.query) == {"sslmode": "disable"}


def test_search_path_becomes_an_option_of_the_session():
    url = parse_url("postgres://u:p@h/lake?search_path=my lake&options=-cwork_mem=8MB")
    assert url.query["options"] == "-cwork_mem=8MB -csearch_path=my\\ lake"


@pytest.mark.parametrize(
    ("scheme", "driver"),
    [
        ("mysql", "mysql+pymysql"),
        ("mariadb", "mysql+pymysql"),
        ("mysql+mysqlconnector", "mysql+pymysql"),
        ("mysql+mysqldb", "mysql+mysqldb"),
        ("postgres", "postgresql+psycopg"),
        ("postgresql+psycopg2", "postgresql+psycopg"),
        ("PostgreSQL", "postgresql+psycopg"),
    ],
)
def test_driver_follows_from_the_scheme(scheme, driver):
    assert parse_url(f"{scheme}://u:p@h/d").drivername == driver


@pytest.mark.parametrize(
    "password", ["p?w", "p@w", "p/w", "p#w", "a@b/c?d", "p?w@/d", "x:y", "100%", "é"]
)
def test_password_may_hold_the_signs_of_a_url(password):
    url = parse_url(f"mysql://me:{password}@db.example:3306/lake?parseTime=True")
    assert (url.password, url.host, url.database) == (password, "db.example", "lake")


@given(st.text(min_size=1, max_size=30))
def test_percent_encoded_password_is_decoded(password):
    from urllib.parse import quote

    encoded = quote(password.encode("utf-8", "replace"), safe="")
    url = parse_url(f"postgres://me:{encoded}@h:1/d")
    assert (url.password, url.host) == (password.encode("utf-8", "replace").decode(), "h")


def test_plus_sign_in_a_password_stays():
    assert parse_url("mysql://me:a+b@h/d").password == "a+b"


def test_parameter_with_an_at_sign_is_no_password():
    url = parse_url("postgres://me:pw@h/d?application_name=x@y")
    assert (url.password, url.host, url.query["application_name"]) == ("pw", "h", "x@y")


def test_user_may_hold_an_at_sign():
    url = parse_url("postgres://me@server:pw@server.example/d")
    assert (url.username, url.password, url.host) == ("me@server", "pw", "server.example")


def test_ipv6_host_loses_its_brackets():
    assert parse_url("postgres://me@[::1]:5432/d").host == "::1"


def test_sqlite_path_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    url = parse_url("sqlite:///devlake.db")
    monkeypatch.chdir("/")
    assert url.database == str(tmp_path / "devlake.db")
    assert Path(parse_url("sqlite:////var/x.db").database or "") == Path("/var/x.db")


@pytest.mark.parametrize(
    "text",
    [
        "devlake.db",
        "CANARY-secret",
        "oracle://u:CANARY-secret@h/d",
        "mysql://u:CANARY-secret@h:port/d",
        "mysql://u:CANARY-secret@h:99999/d",
        "mysql://u:CANARY-secret@h/d/e",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://relative.db",
        "",
    ],
)
def test_bad_url_is_refused_without_showing_it(text):
    with pytest.raises(ConfigError) as caught:
        parse_url(text)
    assert "CANARY" not in str(caught.value) + caught.value.hint
    assert "sqlite:///devlake.db" in caught.value.hint
    assert caught.value.exit_code == 78
