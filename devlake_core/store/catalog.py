"""What is saved of a plugin: its connections, scopes and scope configs, in its own tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy import delete, insert, select, update

from devlake_core.crypto import encryption_secret
from devlake_core.errors import ConfigError, UsageError
from devlake_core.model.types import Encrypted
from devlake_core.redaction import STARS, register_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Table
    from sqlalchemy import Connection as Transaction

    from devlake_core.model import Row

    from .engine import Store

R = TypeVar("R", bound="Row")

BOOK_KEEPING = frozenset(
    {
        "created_at",
        "updated_at",
        "raw_data_params",
        "raw_data_table",
        "raw_data_id",
        "raw_data_remark",
    }
)
"""Fields that say nothing to a person."""


class Catalog(Generic[R]):
    """Read and write the saved rows of one class.

    Args:
        store: the database.
        model: a connection, scope or scope config class that has its table.
        what: what one row is called in messages: ``connection of tracker``.
    """

    def __init__(self, store: Store, model: type[R], what: str) -> None:
        self._store = store
        self._model = model
        self._what = what
        self._table: Table = model.__table__

    def rows(self, **where: Any) -> list[R]:
        """Return the saved rows with the given values, in the order of their key.

        Raises:
            ConfigError: a secret was encrypted with another ``ENCRYPTION_SECRET``, or a row is
                not valid.
        """
        keys = [column.key for column in self._table.columns]
        with self._store.reading() as connection:
            found = connection.execute(self._ordered(list(self._table.columns), where)).all()
        return [row_of(self._model, dict(zip(keys, row, strict=True))) for row in found]

    def shown(self, **where: Any) -> list[dict[str, Any]]:
        """Return rows as JSON-able mappings, with stars for secrets, which are not decrypted."""
        columns = [column for column in self._table.columns if column.key not in BOOK_KEEPING]
        shown = [
            column.is_not(None).label(column.key) if is_secret(column) else column
            for column in columns
        ]
        with self._store.reading() as connection:
            found = connection.execute(self._ordered(shown, where)).all()
        return [
            {
                column.key: (STARS if value else None)
                if is_secret(column)
                else to_jsonable_python(value)
                for column, value in zip(columns, row, strict=True)
            }
            for row in found
        ]

    def add(self, row: R, **unique: Any) -> Any:
        """Save a new row; return its key as the database gave it.

        Args:
            row: what to save.
            **unique: values that no saved row may have together.

        Raises:
            UsageError: there is such a row.
            ConfigError: there is no ``ENCRYPTION_SECRET`` for a secret.
        """
        now = datetime.now(UTC)
        values = {**row.__dict__, "created_at": now, "updated_at": now}
        if values.get("id") is None:
            values.pop("id", None)
        known = self._known(values)
        with self._store.transaction() as connection:
            self._refuse_twin(connection, unique, None)
            done = connection.execute(insert(self._table).values(known))
            return done.inserted_primary_key[-1] if done.inserted_primary_key else None

    def put(self, row: R, **key: Any) -> bool:
        """Save a row in the place of the one with its key, or as a new one; return if it is new."""
        with self._store.transaction() as connection:
            there = connection.execute(
                select(*self._table.primary_key.columns).where(*self._where(key))
            ).first()
            now = datetime.now(UTC)
            values = {**row.__dict__, "updated_at": now}
            if there is None:
                values["created_at"] = now
                connection.execute(insert(self._table).values(self._known(values)))
            else:
                values.pop("created_at", None)
                connection.execute(
                    update(self._table).where(*self._where(key)).values(self._known(values))
                )
        return there is None

    def change(self, key: Mapping[str, Any], values: Mapping[str, Any], **unique: Any) -> None:
        """Change some values of a row; the others, secrets too, are not touched.

        Raises:
            UsageError: another row has the values that no two may have together.
        """
        known = self._known({**values, "updated_at": datetime.now(UTC)})
        with self._store.transaction() as connection:
            self._refuse_twin(connection, unique, key)
            connection.execute(update(self._table).where(*self._where(key)).values(known))

    def remove(self, **key: Any) -> bool:
        """Delete a row; return whether it was there."""
        with self._store.transaction() as connection:
            done = connection.execute(delete(self._table).where(*self._where(key)))
        return done.rowcount > 0

    def _refuse_twin(
        self, connection: Transaction, unique: Mapping[str, Any], but: Mapping[str, Any] | None
    ) -> None:
        if not unique:
            return
        query = select(*self._table.primary_key.columns).where(*self._where(unique))
        for column in self._table.primary_key.columns if but else ():
            if column.key in (but or {}):
                query = query.where(column != (but or {})[column.key])
        if connection.execute(query.limit(1)).first() is not None:
            name = unique.get("name", unique.get("id"))
            message = f"there is already a {self._what} called {str(name)!r}"
            raise UsageError(message, hint="choose another name, or edit that one")

    def _ordered(self, columns: list[Any], where: Mapping[str, Any]) -> Any:
        return select(*columns).where(*self._where(where)).order_by(*self._table.primary_key)

    def _where(self, values: Mapping[str, Any]) -> list[Any]:
        return [self._table.c[name] == value for name, value in values.items()]

    def _known(self, values: Mapping[str, Any]) -> dict[str, Any]:
        known = {name: value for name, value in values.items() if name in self._table.c}
        if any(value is not None and is_secret(self._table.c[k]) for k, value in known.items()):
            # Asked for here, since SQLAlchemy would wrap the error of a column type.
            encryption_secret()
        return known


def is_secret(column: Column[Any]) -> bool:
    """Return whether a column holds a secret."""
    return isinstance(column.type, Encrypted)


def row_of(model: type[R], values: Mapping[str, Any]) -> R:
    """Return a row made of values; the message of an error names fields, never their values.

    Raises:
        ConfigError: the values are not valid.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = problems_of(error)
    # Outside of the except block: the chained error would carry the values.
    message = f"{model.__name__} {str(values.get('name') or '')!r} is not valid: {problems}"
    raise ConfigError(message, hint="correct it, or remove it and add it anew")


def problems_of(error: ValidationError) -> str:
    """Return what is wrong with which field, without any value."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'the whole'}: {item['msg']}" for item in found
    )[:1000]


def plain_values(row: Row) -> dict[str, Any]:
    """Return a row's values as JSON takes them, secrets in the clear: for a pipe alone."""
    return {
        name: value.get_secret_value()
        if isinstance(value, SecretStr)
        else to_jsonable_python(value)
        for name, value in row.__dict__.items()
    }


def register_secrets(row: Row) -> None:
    """Let no output of this process show a secret of a row."""
    for value in row.__dict__.values():
        if isinstance(value, SecretStr):
            register_secret(value)
