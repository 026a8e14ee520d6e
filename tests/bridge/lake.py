"""DevLake's server with its database, as far as a remote plugin notices it.

It makes the tables that the plugin announces, keeps connections, scopes and scope configs in them,
sends rows with the zero values of its types, runs the tasks of a plan, and deletes a scope's data
by the names of tables. What it cannot read fails the test, as it would fail the server.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import NullPool, create_engine, inspect, text

from devlake_core import crypto
from devlake_core.model import raw_data_params
from devlake_core.store.url import parse_url
from tests.bridge.lake_tables import SECRET, Kind, column_name, instant, recorded_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bridge.lake_tables import Row
    from tests.bridge.shims import Shims

SCHEMA = Path(__file__).parents[1] / "data" / "devlake" / "domain-schema.json"
CONFIG = {"log_level": ""}
SCOPE_TYPES = {"Repo": "repos", "CqProject": "cq_projects", "CicdScope": "cicd_scopes"}


class Lake:
    """Be the server.

    Args:
        url: an empty database.
        shims: the folder with the plugin.
        plugin: its name.
        mode: `warm` or `cold`.
        groups: which parts of the domain layer it has.
    """

    def __init__(
        self,
        url: str,
        shims: Shims,
        plugin: str,
        mode: str,
        groups: Sequence[str] = ("devops",),
    ) -> None:
        self.shims, self.plugin = shims, plugin
        self.env = {"DEVLAKE_DAEMON": "0" if mode == "cold" else "1"}
        parsed = parse_url(url)
        self.engine = create_engine(parsed, poolclass=NullPool)
        self.dialect = {"mariadb": "mysql"}.get(self.engine.dialect.name, self.engine.dialect.name)
        start, end = {
            "mysql": ("mysql", "charset=utf8mb4&parseTime=True&loc=UTC"),
            "postgresql": ("postgres", "sslmode=disable"),
        }[self.dialect]
        user = f"{parsed.username}:{parsed.password}@{parsed.host}:{parsed.port}"
        self.url = f"{start}://{user}/{parsed.database}?{end}"
        self._make_own_tables(groups)
        self.info: Row = {}

    def close(self) -> None:
        """Leave the database."""
        self.engine.dispose()

    def boot(self) -> None:
        """Ask the plugin what it is, and migrate."""
        [info] = self.call("plugin-info")
        assert info["name"] == self.plugin
        assert info["plugin_path"] == str(self.shims.folder / self.plugin / "run.sh")
        assert info["extension"] in {"", "datasource"}
        self.info = info
        self.connections = Kind(info["connection_model_info"])
        self.scopes = Kind(info["scope_model_info"])
        self.configs = Kind(info["scope_config_model_info"])
        self.tools = [Kind(tool) for tool in info["tool_model_infos"]]
        for script in sorted(info["migration_scripts"], key=lambda script: script["version"]):
            assert re.fullmatch(r"\d{14}", str(script["version"]))
            for operation in script["operations"]:
                getattr(self, f"_{operation['type']}")(operation)
            words = {"v": script["version"], "n": script["name"], "c": self.plugin}
            self.execute(
                "INSERT INTO _devlake_migration_history (script_version, script_name, comment) "
                "VALUES (:v, :n, :c)",
                **words,
            )

    def call(self, method: str, *words: Any) -> list[Any]:
        """Call the plugin; return its lines, or its one document."""
        texts = [json.dumps(word, separators=(",", ":")) for word in (CONFIG, *words)]
        status, output, _, errors = self.shims.shim(self.plugin, method, *texts, env=self.env)
        assert status == 0, errors
        lines = output.splitlines()
        assert max(map(len, lines), default=0) < 5 << 20
        if method in {"plugin-info", "test-connection", "make-pipeline"}:
            return [json.loads("".join(lines))]
        return [json.loads(line) for line in lines]

    def test_connection(self, **values: Any) -> Row:
        """Test a connection."""
        [answer] = self.call("test-connection", values)
        assert isinstance(answer["success"], bool)
        assert isinstance(answer["message"], str)
        assert isinstance(answer["status"], int)
        return dict(answer)

    def add_connection(self, **values: Any) -> Row:
        """Save a connection and return it as it is sent."""
        for name, said in self.connections.properties.items():
            if said.get("format") == "password":
                values[name] = crypto.encrypt(SECRET, values[name])
        return self._added(self.connections, values)

    def add_config(self, connection: Row, **values: Any) -> Row:
        """Save a scope config and return it as it is sent."""
        return self._added(self.configs, {"connectionId": connection["id"], **values})

    def add_scope(self, connection: Row, **values: Any) -> Row:
        """Save a scope and return it as it is sent."""
        values["connectionId"] = connection["id"]
        values["_raw_data_params"] = raw_data_params(connection["id"], values["id"])
        values["_raw_data_table"] = f"_raw_{self.plugin}_scopes"
        return self._added(self.scopes, values)

    def plan(self, connection: Row, pairs: Sequence[tuple[Row, Row | None]]) -> list[Row]:
        """Ask for a plan, keep the domain scopes, and return the tasks."""
        [answer] = self.call("make-pipeline", pairs, connection)
        for scope in answer["scopes"]:
            row = json.loads(scope["data"])
            times = {name: instant(said) for name, said in row.items() if name.endswith("_date")}
            self._put(SCOPE_TYPES[scope["type_name"]], {**row, **times})
        tasks = [task for stage in answer["plan"] for task in stage]
        for task in tasks:
            assert isinstance(task["plugin"], str)
            assert {*map(type, task["subtasks"])} <= {str}
            assert isinstance(task["options"], dict)
        return tasks

    def run(self, task: Row, connection: Row, scope: Row, config: Row | None) -> list[list[Row]]:
        """Run a task of the plan and return the progress of each subtask."""
        metas = {meta["name"]: meta for meta in self.info["subtask_metas"]}
        context = {
            "db_url": self.url,
            "scope": scope,
            "connection": connection,
            "scope_config": config,
            "options": task["options"],
        }
        told = []
        for name in task["subtasks"]:
            meta = metas[name]
            lines = self.call(meta["entry_point_name"], context, *meta["arguments"])
            for line in lines:
                assert all(type(line.get(key, 0)) is int for key in ("increment", "current"))
            told.append([line for line in lines if line])
        return told

    def delete_scope(self, scope: Row) -> None:
        """Delete a scope with its data."""
        params = {"params": raw_data_params(scope["connectionId"], scope["id"])}
        like = {**params, "prefix": f"_raw_{self.plugin}%"}
        key = {"connection": scope["connectionId"], "id": scope["id"]}
        where = "connection_id = :connection AND id = :id"
        self.execute(f"DELETE FROM {self.scopes.table} WHERE {where}", **key)
        tables = self.tables()
        for table in tables:
            if table.startswith(f"_raw_{self.plugin}"):
                self.execute(f"DELETE FROM {table} WHERE params = :params", **params)
        for kind in (*self.tools, self.scopes):
            self.execute(f"DELETE FROM {kind.table} WHERE _raw_data_params = :params", **params)
        where = "_raw_data_table LIKE :prefix AND _raw_data_params = :params"
        for table, columns in tables.items():
            if not table.startswith("_") and "_raw_data_params" in columns:
                self.execute(f"DELETE FROM {table} WHERE {where}", **like)

    def empty(self) -> None:
        """Delete all rows, but for what was migrated, without a look at the tables."""
        for table in self.tables():
            if table != "_devlake_migration_history":
                self.execute(f"DELETE FROM {table}")

    def traces(self, scope: Row) -> dict[str, int]:
        """Return how many rows of a scope each table has."""
        params = {"params": raw_data_params(scope["connectionId"], scope["id"])}
        counts = {}
        for table, columns in self.tables().items():
            for name in {"params", "_raw_data_params", "raw_data_params"} & columns:
                where = f"SELECT COUNT(*) FROM {table} WHERE {name} = :params"
                counts[table] = int(self.execute(where, **params)[0]["count"])
        return {table: count for table, count in counts.items() if count}

    def tables(self) -> dict[str, set[str]]:
        """Return the tables with their columns."""
        with self.engine.connect() as connection:
            found = inspect(connection).get_multi_columns()
        return {
            name: {column["name"] for column in columns} for (_, name), columns in found.items()
        }

    def execute(self, sql: str, **values: Any) -> list[Row]:
        """Execute a statement and return its rows."""
        with self.engine.begin() as connection:
            result = connection.execute(text(sql.replace("COUNT(*)", "COUNT(*) AS count")), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def _make_own_tables(self, groups: Sequence[str]) -> None:
        recorded = json.loads(SCHEMA.read_text("utf-8"))
        for tables in (*map(recorded["domain"].get, groups), recorded["shared"]):
            for name, table in tables.items():
                # One of the server's own is made on MySQL alone.
                if columns := recorded_columns(table, self.dialect):
                    self._make(name, columns)

    def _make(self, table: str, columns: list[str]) -> None:
        self.execute(f"CREATE TABLE {table} ({', '.join(columns)})")

    def _create_table(self, operation: Row) -> None:
        kind = Kind(operation["model_info"])
        if kind.table not in self.tables():
            self._make(kind.table, kind.columns(self.dialect))

    def _execute(self, operation: Row) -> None:
        assert isinstance(operation["ignore_error"], bool)
        ours = "mysql" if self.dialect == "mysql" else "postgres"
        if operation.get("dialect") in {None, ours}:
            with self.engine.begin() as connection:
                connection.exec_driver_sql(operation["sql"].replace("%", "%%"))

    def _add_column(self, operation: Row) -> None:
        table, column = operation["table"], operation["column"]
        if column not in self.tables()[table]:
            self.execute(f"ALTER TABLE {table} ADD {column} {operation['column_type']}")

    def _rename_column(self, operation: Row) -> None:
        table, old, new = operation["table"], operation["old_name"], operation["new_name"]
        if old in self.tables()[table]:
            self.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")

    def _rename_table(self, operation: Row) -> None:
        if operation["old_name"] in self.tables():
            self.execute(f"ALTER TABLE {operation['old_name']} RENAME TO {operation['new_name']}")

    def _added(self, kind: Kind, values: Mapping[str, Any]) -> Row:
        row = {column_name(key) if key[0] != "_" else key: value for key, value in values.items()}
        lists = {
            key: json.dumps(value) for key, value in row.items() if isinstance(value, list | dict)
        }
        self._put(kind.table, {**row, **lists})
        where = " AND ".join(f"{name} = :{name}" for name in row if name not in lists)
        found = self.execute(f"SELECT * FROM {kind.table} WHERE {where}", **row)
        return kind.sent(found[-1])

    def _put(self, table: str, row: Mapping[str, Any]) -> None:
        """Insert a row, in the place of one that has its key."""
        if "id" in row:
            extra = {name: row[name] for name in ("id", "connection_id") if name in row}
            where = " AND ".join(f"{name} = :{name}" for name in extra)
            self.execute(f"DELETE FROM {table} WHERE {where}", **extra)
        now = "UTC_TIMESTAMP(3)" if self.dialect == "mysql" else "now()"
        names = ", ".join([*row, "created_at", "updated_at"])
        values = ", ".join([*(f":{name}" for name in row), now, now])
        self.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", **row)
