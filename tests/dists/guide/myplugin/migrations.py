from typing import Optional

from pydantic import SecretStr
from sqlmodel import Field

from devlake_core.migration import Dialect, MigrationScriptBuilder, migration
from devlake_core.model import Connection, ToolModel, ToolScope
from myplugin.models import Comment


@migration(20230501000001, name="initialize schemas for Plugin")
def init_schemas(b: MigrationScriptBuilder):
    class MyPluginConnection(Connection):
        url: str
        token: SecretStr

    class MyPluginToolScope(ToolScope):
        description: str
        url: str

    class User(ToolModel):
        id: str = Field(primary_key=True)
        name: str
        email: Optional[str]
        address: Optional[str]

    class Comment(ToolModel):
        text_body: str

    b.create_tables(MyPluginConnection, MyPluginToolScope, User, Comment)


@migration(20230524181430, name="add pk to comments table")
def add_id_as_primary_key(b: MigrationScriptBuilder):
    table = Comment.__tablename__
    b.execute(f"ALTER TABLE {table} DROP PRIMARY KEY", Dialect.MYSQL)
    b.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey", Dialect.POSTGRESQL)
    b.execute(f"ALTER TABLE {table} ADD COLUMN id VARCHAR(255) NOT NULL DEFAULT ''", Dialect.SQLITE)
    b.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id, connection_id)")
