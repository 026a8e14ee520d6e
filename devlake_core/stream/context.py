"""What a stream's verbs are given: connection, scope, config, API and where rows go."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Generic, overload

from typing_extensions import TypeVar

from devlake_core.model import domain_id, raw_data_params
from devlake_core.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from devlake_core.model import ToolModel

    from .base import Stream

ConnectionT = TypeVar("ConnectionT", default=Any)
ScopeT = TypeVar("ScopeT", default=Any)
ConfigT = TypeVar("ConfigT", default=Any)
ApiT = TypeVar("ApiT", default=Any)


class Context(Generic[ConnectionT, ScopeT, ConfigT, ApiT]):
    """Hold what one run of one scope needs.

    Attributes:
        connection: the plugin's connection.
        scope: the scope that is run.
        scope_config: how to read it; never None.
        options: what the caller asked for (``fullSync``, ``incremental`` …).
        since: the cursor's value of the pass before, None in a full pass.
        incremental: whether the running pass asks only for what is new.
        counts: what the run did: requests, records, written, unchanged, quarantined, truncated,
            removed.
        warnings: what a person should be told at the end, each once.
    """

    def __init__(
        self,
        engine: Store | Engine | None,
        connection: ConnectionT,
        scope: ScopeT,
        scope_config: ConfigT,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._store = engine if isinstance(engine, Store) or engine is None else Store(engine)
        self.connection = connection
        self.scope = scope
        self.scope_config = scope_config
        self.options: dict[str, Any] = dict(options or {})
        self.since: Any = None
        self.incremental = False
        self.counts: Counter[str] = Counter()
        self.warnings: dict[str, None] = {}
        self.api_type: Any = None
        self.claim: Any = None
        self.streams: Sequence[Stream] = ()
        self.plugin_version = ""
        self._api: ApiT | None = None

    @property
    def store(self) -> Store:
        """Return where the rows are kept."""
        if self._store is None:
            message = "this context has no database"
            raise RuntimeError(message)
        return self._store

    @property
    def engine(self) -> Engine:
        """Return SQLAlchemy's engine, as pydevlake's context did."""
        return self.store.engine

    @property
    def connection_id(self) -> int:
        """Return the connection's number; 0 where it was never saved."""
        return getattr(self.connection, "id", None) or 0

    @property
    def scope_id(self) -> str:
        """Return the scope's id as text."""
        return str(getattr(self.scope, "id", ""))

    @property
    def params(self) -> str:
        """Return connection and scope as the rows' ``_raw_data_params`` spells them."""
        return raw_data_params(self.connection_id, self.scope_id)

    @property
    def full_refresh(self) -> bool:
        """Return whether the caller wants everything to be read again."""
        return self.options.get("fullSync") is True or self.options.get("incremental") is False

    @property
    def api(self) -> ApiT:
        """Return the plugin's API client for this connection; made at its first use."""
        if self._api is None:
            if self.api_type is None:
                message = "ctx.api needs `api_type` on the plugin"
                raise TypeError(message)
            self._api = self.api_type(self.connection)
        return self._api

    @overload
    def domain_id(self, model: type[ToolModel], *keys: str | int) -> str: ...
    @overload
    def domain_id(self, model: type[ToolModel], *keys: Any) -> str | None: ...
    def domain_id(self, model: type[ToolModel], *keys: Any) -> str | None:
        """Return the domain id of a tool row by its key; None where a key is None."""
        if any(key is None for key in keys):
            return None
        return domain_id(model, self.connection_id, *keys)

    def warn(self, message: str) -> None:
        """Say something once to the person who reads the run's summary."""
        self.warnings.setdefault(message)
