"""How each database server is found, initialised, started and asked for a fresh database."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql

USER = PASSWORD = "devlake"
# Neither server runs on UTC: code that forgets a time zone fails here and not at a user's.
SKEWED_ZONE = "05:45"
# Where `install` unpacks a wheel that carries PostgreSQL's programs.
WHEEL_FOLDER = Path(sys.prefix) / "postgresql"


@dataclass(frozen=True)
class Account:
    """Keyword arguments that let subprocess start a program as somebody else than root."""

    user: int | None = None
    group: int | None = None

    @classmethod
    def unprivileged(cls, *names: str) -> Account:
        """Return the first of `names` that exists when we are root, ourselves otherwise."""
        if os.geteuid() != 0:
            return cls()
        for name in (*names, "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        message = "no account to run a database server with"
        raise LookupError(message)

    def options(self) -> dict[str, Any]:
        """Return what subprocess needs to become this account."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.group, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give `path` to this account."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


class Kind(ABC):
    """One kind of database server."""

    name: str
    missing: str
    stop_signal: signal.Signals
    accounts: tuple[str, ...]

    @abstractmethod
    def find(self) -> Path | None:
        """Return the folder of the server's programs, None where it is not installed."""

    @abstractmethod
    def initialise(self, data: Path, account: Account) -> None:
        """Fill the empty folder `data`."""

    @abstractmethod
    def command(self, data: Path, port: int) -> list[str]:
        """Return the command that serves `data` on `port` of loopback in the foreground."""

    @abstractmethod
    def execute(self, port: int, statement: str) -> None:
        """Run one administrative statement."""

    @abstractmethod
    def url(self, port: int, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""

    @abstractmethod
    def create(self, port: int, database: str) -> None:
        """Create an empty database."""

    @abstractmethod
    def drop(self, port: int, database: str) -> None:
        """Drop a database together with whoever is still connected to it."""


def initialise_with(command: list[str], account: Account, cwd: Path) -> None:
    """Run an initialising program and show its output only if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **account.options(),
    )
    if done.returncode:
        message = f"{command[0]} ended with {done.returncode}:\n{done.stdout}"
        raise RuntimeError(message)


class PostgreSQL(Kind):
    """PostgreSQL, from the system or from a wheel that carries its programs."""

    name = "postgresql"
    missing = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    # Immediate shutdown: the data folder is thrown away anyway.
    stop_signal = signal.SIGQUIT
    accounts = ("postgres",)

    def find(self) -> Path | None:
        """Return the newest installed bin folder, None where there is none."""
        installed = Path("/usr/lib/postgresql").glob("*/bin")
        candidates = sorted(installed, key=lambda folder: int(folder.parent.name), reverse=True)
        if on_path := shutil.which("initdb"):
            candidates.append(Path(on_path).resolve().parent)
        candidates.extend(WHEEL_FOLDER.glob("*/pginstall/bin"))
        for folder in candidates:
            if (folder / "initdb").is_file() and (folder / "postgres").is_file():
                return folder
        return None

    def programs(self, data: Path, account: Account) -> Path:
        """Return the bin folder, that of a copy if this account may not enter the wheel's."""
        programs = self.find()
        if programs is None:
            raise LookupError(self.missing)
        try:
            initialise_with([f"{programs}/postgres", "--version"], account, data)
        except PermissionError:
            # A virtual environment in root's home, and the server refuses to run as root.
            copied = data.parent / "programs"
            shutil.copytree(WHEEL_FOLDER, copied, symlinks=True)
            return copied / programs.relative_to(WHEEL_FOLDER)
        return programs

    def initialise(self, data: Path, account: Account) -> None:
        """Run initdb with a password, so that a wrong one is refused as at a user's."""
        programs = self.programs(data, account)
        secret = data.parent / "postgresql.password"
        secret.write_text(PASSWORD)
        account.own(secret)
        initialise_with(
            [
                f"{programs}/initdb",
                f"--pgdata={data}",
                f"--username={USER}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            account,
            data,
        )

    def command(self, data: Path, port: int) -> list[str]:
        """Return the server's command; durability is off, nothing here outlives the tests."""
        copied = data.parent.glob("programs/*/pginstall/bin")
        programs = next(copied, None) or self.find()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "autovacuum": "off",
            # POSIX spelling, whose sign is the other way round: needs no time zone files.
            "timezone": f"<+{SKEWED_ZONE.replace(':', '')}>-{SKEWED_ZONE}",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [f"{programs}/postgres", "-D", str(data), *options]

    def execute(self, port: int, statement: str) -> None:
        """Run one statement in the database `postgres`."""
        with psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=USER,
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            connection.execute(statement.encode())

    def url(self, port: int, database: str) -> str:
        """Return the URL for psycopg 3."""
        return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}"

    def create(self, port: int, database: str) -> None:
        """Create an empty database."""
        self.execute(port, f'CREATE DATABASE "{database}" TEMPLATE template0')

    def drop(self, port: int, database: str) -> None:
        """Drop a database and its connections."""
        self.execute(port, f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


class MariaDB(Kind):
    """MariaDB, set up as DevLake's own MySQL is: utf8mb4, binary collation, MySQL 8's modes."""

    name = "mysql"
    missing = "MariaDB is not installed (Debian: apt-get install mariadb-server)"
    # One process, and its data folder is thrown away: no reason to wait for a clean shutdown.
    stop_signal = signal.SIGKILL
    accounts = ("mysql",)

    def find(self) -> Path | None:
        """Return the folder of mariadbd, None where it is not installed."""
        search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
        found = shutil.which("mariadbd", path=search)
        return Path(found).parent if found and shutil.which("mariadb-install-db") else None

    def initialise(self, data: Path, account: Account) -> None:
        """Run mariadb-install-db."""
        initialise_with(
            [
                str(shutil.which("mariadb-install-db")),
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            account,
            data,
        )
        script = data.parent / "mysql.sql"
        script.write_text(
            f"CREATE USER IF NOT EXISTS {USER}@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO {USER}@'%';\n"
        )

    def command(self, data: Path, port: int) -> list[str]:
        """Return the server's command; durability is off, nothing here outlives the tests."""
        modes = (
            "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
            "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
        )
        return [
            f"{self.find()}/mariadbd",
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={data}/server.sock",
            f"--pid-file={data}/server.pid",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            f"--init-file={data.parent}/mysql.sql",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_bin",
            f"--sql-mode={modes}",
            f"--default-time-zone=+{SKEWED_ZONE}",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
            "--innodb-flush-method=nosync",
            "--innodb-log-file-size=64M",
            "--innodb-buffer-pool-size=128M",
            "--max-connections=200",
        ]

    def execute(self, port: int, statement: str) -> None:
        """Run one statement outside any database."""
        connection = pymysql.connect(
            host="127.0.0.1", port=port, user=USER, password=PASSWORD, autocommit=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def url(self, port: int, database: str) -> str:
        """Return the URL for PyMySQL."""
        return f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}?charset=utf8mb4"

    def create(self, port: int, database: str) -> None:
        """Create an empty database."""
        self.execute(port, f"CREATE DATABASE `{database}`")

    def drop(self, port: int, database: str) -> None:
        """Drop a database; connections that a failed test left open would hold its locks."""
        connection = pymysql.connect(
            host="127.0.0.1", port=port, user=USER, password=PASSWORD, autocommit=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE db = %s", (database,)
            )
            for (thread,) in cursor.fetchall():
                cursor.execute("KILL HARD CONNECTION %s", (thread,))
            cursor.execute(f"DROP DATABASE IF EXISTS `{database}`")


KINDS: dict[str, Kind] = {kind.name: kind for kind in (PostgreSQL(), MariaDB())}
