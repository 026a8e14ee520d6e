from fakeplugin.models import FakeConnection, FakePipeline, FakeProject, FakeScopeConfig

from pydevlake.migration import Dialect, MigrationScriptBuilder, migration


@migration(20230530000001, name="init schemas")
def init_schemas(b: MigrationScriptBuilder):
    b.create_tables(FakeConnection, FakePipeline, FakeProject, FakeScopeConfig)


@migration(20230630000001, name="populated _raw_data_table column for fakeproject")
def fill_raw_data_table(b: MigrationScriptBuilder):
    update = f"UPDATE {FakeProject.__tablename__} SET _raw_data_table = "
    b.execute(update + '"_raw_fakeproject_scopes" WHERE 1=1', Dialect.MYSQL)
    b.execute(update + "'_raw_fakeproject_scopes' WHERE 1=1", Dialect.POSTGRESQL)
