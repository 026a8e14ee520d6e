"""What the commands of one call share: settings, the host of plugins, the database."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devlake_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping

    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.manager import Host
    from devlake_core.runner.cancel import Cancel
    from devlake_core.store import LoginRefused, Store

DEFAULT = "devlake.db"
URL_VARIABLE = "DEVLAKE_DB_URL"
SERVER_URL_VARIABLE = "DB_URL"
SECRET_VARIABLE = "ENCRYPTION_SECRET"


def is_path(word: str) -> bool:
    """Say whether a word names a plugin by its file instead of by its name."""
    return os.sep in word or word.endswith(".py")


class Session:
    """Hold what a call of the command line was given, and open things when they are needed.

    Attributes:
        db: the database's URL as ``--db`` gave it.
        debug: whether tracebacks are shown.
        json: whether the answer is JSON.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        # Taken out before any plugin is imported: neither it nor what it starts shall see them.
        self._url = environ.pop(URL_VARIABLE, "")
        self._server_url = environ.pop(SERVER_URL_VARIABLE, "")
        self._secret = environ.pop(SECRET_VARIABLE, "")
        self.db: str | None = None
        self.debug = False
        self.json = False

    @cached_property
    def host(self) -> Host:
        """Return the host of plugins."""
        from devlake_core.plugin.manager import Host

        return Host()

    def load(self, word: str) -> Plugin:
        """Return a plugin by its name, or by the ``main.py`` of one that is not installed.

        Raises:
            UsageError: there is no such plugin.
            PluginLoadError: it is broken.
        """
        if not is_path(word):
            return self.host.load(word)
        from devlake_core.runner.legacy import add_legacy

        return add_legacy(self.host, word)

    @cached_property
    def cancel(self) -> Cancel:
        """Return what hears Ctrl-C and SIGTERM."""
        from devlake_core.runner.cancel import Cancel

        return Cancel()

    @cached_property
    def url(self) -> str:
        """Return the database's URL: ``--db``, else the variable, else a file right here.

        Raises:
            UsageError: ``--db`` holds a password.
            ConfigError: it is no URL of a database.
        """
        from devlake_core.redaction import register_secret
        from devlake_core.store import parse_url

        if self.db:
            url = parse_url(self.db)
            if url.password:
                register_secret(url.password)
                message = "--db holds a password, which every user of this machine can see there"
                hint = f"leave it out to be asked for it, or put the URL into {URL_VARIABLE}"
                raise UsageError(message, hint=hint)
        else:
            url = parse_url(self._url or f"sqlite:///{DEFAULT}")
        if not self.db and not self._url:
            tell(f"database: SQLite file {DEFAULT} in this folder (or say --db, {URL_VARIABLE})")
        return url.render_as_string(hide_password=False)

    @property
    def has_secret(self) -> bool:
        """Say whether an ``ENCRYPTION_SECRET`` was given."""
        return bool(self._secret)

    def server_variables(self) -> dict[str, str]:
        """Return the variables of a server's environment that were taken out of this one."""
        found = {SERVER_URL_VARIABLE: self._server_url, SECRET_VARIABLE: self._secret}
        return {name: value for name, value in found.items() if value}

    def as_server(self) -> bool:
        """Use the server's own ``DB_URL`` where no database is named; say whether one is now."""
        self._url = self._url or self._server_url
        return bool(self.db or self._url)

    def close(self) -> None:
        """Close what was opened for the whole call."""
        if "cancel" in self.__dict__:
            self.cancel.close()

    def is_sqlite(self) -> bool:
        """Say whether the database is an SQLite file."""
        return self.url.startswith("sqlite")

    @contextmanager
    def store(self, *, make: bool = True) -> Iterator[Store]:
        """Open the database in the block.

        Args:
            make: whether a missing SQLite file is made.

        Raises:
            UsageError: the SQLite file is missing and not to be made.
            LoginRefused: the database wants a password, and nobody can be asked for it.
        """
        from devlake_core import crypto
        from devlake_core.store import LoginRefused, Store

        crypto.set_encryption_secret(self._secret or None)
        if self.is_sqlite():
            file = Path(self.url.partition(":///")[2])
            if not make and not file.exists():
                message = f"there is no database {file}"
                hint = "go to the folder that has it, name another with --db, or begin with a run"
                raise UsageError(message, hint=hint)
            crypto.use_secret_file(f"{file}.key")
        try:
            store = Store.open(self.url)
        except LoginRefused as error:
            self.url = self._with_password(error)
            store = Store.open(self.url)
        try:
            yield store
        finally:
            store.close()

    def _with_password(self, refused: LoginRefused) -> str:
        """Return the database's URL with the password that a person gives.

        Raises:
            LoginRefused: it has one that was refused, or there is nobody to ask.
        """
        import click

        from devlake_core.store import describe, parse_url

        url = parse_url(self.url)
        if url.password or not url.username:
            raise refused
        if not sys.stdin.isatty():
            refused.hint = f"put the URL with its password into {URL_VARIABLE}"
            raise refused
        what = f"password of {url.username} for {describe(url)}"
        given = click.prompt(what, hide_input=True, err=True)
        return url.set(password=given).render_as_string(hide_password=False)

    def prepare(self, store: Store, plugins: Iterable[Plugin]) -> None:
        """Make missing tables in an SQLite file; elsewhere fail if a migration is missing.

        Raises:
            SchemaError: a server's database lacks a migration.
        """
        from devlake_core.migration import ensure

        for plugin in plugins:
            ensure(store, plugin)

    @contextmanager
    def asking(self, plugin: Plugin, connection: Any, purpose: str) -> Iterator[None]:
        """Surround calls into a plugin outside of a job: hooks and Ctrl-C work there too.

        Args:
            plugin: who is called.
            connection: the connection it uses.
            purpose: what for: ``test`` or ``browse``.
        """
        from contextlib import redirect_stdout

        from devlake_core.plugin.guard import put_back
        from devlake_core.runner.runtime import RunnerRuntime, surrounded

        hooks = self.host.runtime_hooks(plugin.name)
        runtime = RunnerRuntime(hooks, self.cancel, connection, purpose=purpose, tell=tell)
        source = self.host.record(plugin.name).source
        # What a plugin prints is no answer of ours.
        with (
            redirect_stdout(sys.stderr),
            self.cancel.heard(),
            put_back(source, f"while it was asked ({purpose})"),
            surrounded(runtime),
        ):
            yield


def tell(text: str) -> None:
    """Say something to the person, beside the answer."""
    sys.stderr.write(f"{text}\n")
