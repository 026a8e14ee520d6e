from __future__ import annotations

import hashlib
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

import devlake_core as dl
from devlake_core.domain import code, crossdomain
from devlake_core.migration import executor
from devlake_core.store import Store
from devlake_plugin_gitrepo.errors import DamagedRepository, NotARepository
from devlake_plugin_gitrepo.models import GitRepoConnection
from devlake_plugin_gitrepo.plugin import GitRepoPlugin


class Lake:
    """Run the plugin into one database and look at what is there."""

    def __init__(self, store):
        self.store = store
        self.plugin = GitRepoPlugin()

    def run(self, repository, **options):
        """Run all verbs of all streams; return the counts."""
        scope = self.plugin.scope_from_argument(str(repository.folder))
        scope.connection_id = 1
        connection = GitRepoConnection(id=1, name="default")
        config = self.plugin.scope_config_type()
        ctx = dl.Context(self.store, connection, scope, config, options)
        for stream in self.plugin.all_streams:
            verbs = [self.plugin.extract, self.plugin.convert]
            if stream.collects:
                verbs.insert(0, self.plugin.collect)
            for verb in verbs:
                for _ in verb(ctx, stream):
                    pass
        return ctx

    def rows(self, model, *order):
        table = model.__table__
        with self.store.reading() as connection:
            found = connection.execute(select(table).order_by(*(table.c[name] for name in order)))
            return [dict(zip((c.key for c in table.columns), row, strict=True)) for row in found]

    def count(self, model):
        with self.store.reading() as connection:
            return connection.execute(select(func.count()).select_from(model.__table__)).scalar()

    def shas(self, model=code.Commit, column="sha"):
        return {row[column] for row in self.rows(model)}


@contextmanager
def opened(url):
    store = Store.open(url)
    try:
        executor.migrate(store, [GitRepoPlugin()])
        yield Lake(store)
    finally:
        store.close()


@pytest.fixture
def lake(sqlite_url):
    with opened(sqlite_url) as made:
        yield made


@pytest.fixture
def any_lake(db_url):
    with opened(db_url) as made:
        yield made


def file_id(sha, path):
    """Return the id that DevLake's own extractor gives."""
    return f"{sha}:{hashlib.sha256(path).hexdigest()}"


def test_history_is_in_the_domain_tables(any_lake, repository):
    first = repository.commit({"a.txt": b"1\n2\n"}, "Begin 🚀")
    second = repository.commit({"a.txt": b"2\n", "caf\xe9/b".encode("latin-1"): b"b\n"})
    repository.git("tag", "v1", first)
    any_lake.run(repository)
    repo = f"gitrepo:Repository:1:{repository.folder}"
    one, two = any_lake.rows(code.Commit, "committed_date")
    assert (one["sha"], one["message"], one["additions"]) == (first, "Begin 🚀\n", 2)
    assert one["author_id"] == "gitrepo:Account:1:ada@example.org"
    assert one["authored_date"].timestamp() == 1_700_000_060
    assert (two["sha"], two["additions"], two["deletions"]) == (second, 1, 1)
    (parent,) = any_lake.rows(code.CommitParent)
    assert (parent["commit_sha"], parent["parent_commit_sha"]) == (second, first)
    files = {row["id"]: row["file_path"] for row in any_lake.rows(code.CommitFile)}
    assert files == {
        file_id(first, b"a.txt"): "a.txt",
        file_id(second, b"a.txt"): "a.txt",
        file_id(second, b"caf\xe9/b"): "caf\ufffd/b",
    }
    assert any_lake.shas(code.RepoCommit, "commit_sha") == {first, second}
    refs = {row["id"]: (row["commit_sha"], row["is_default"]) for row in any_lake.rows(code.Ref)}
    assert refs == {f"{repo}:main": (second, True), f"{repo}:refs/tags/v1": (first, False)}
    (account,) = any_lake.rows(crossdomain.Account)
    assert (account["id"], account["full_name"]) == (one["author_id"], "Ada")


def test_second_run_reads_only_what_is_new(lake, repository):
    repository.commit({"a": b"1\n"})
    lake.run(repository)
    before = lake.rows(code.Commit)
    assert lake.run(repository).counts["records"] == 1  # the one branch
    assert lake.rows(code.Commit) == before
    new = repository.commit({"a": b"2\n"})
    assert lake.run(repository).counts["records"] == 2
    assert new in lake.shas()
    assert lake.count(code.CommitFile) == 2


def test_forced_push_replaces_refs_and_keeps_commits_until_a_full_refresh(any_lake, repository):
    base = repository.commit({"a": b"1\n"})
    old = repository.commit({"a": b"2\n"})
    repository.git("branch", "gone")
    any_lake.run(repository)
    repository.git("branch", "-D", "gone")
    repository.git("reset", "-q", "--hard", base)
    new = repository.commit({"a": b"3\n"})
    any_lake.run(repository)
    assert {row["name"]: row["commit_sha"] for row in any_lake.rows(code.Ref)} == {"main": new}
    assert any_lake.shas() == {base, old, new}
    any_lake.run(repository, fullSync=True)
    for model, column in (
        (code.Commit, "sha"),
        (code.RepoCommit, "commit_sha"),
        (code.CommitFile, "commit_sha"),
    ):
        assert any_lake.shas(model, column) == {base, new}, model


def test_commit_of_two_repositories_is_one_row(lake, repository, clone):
    shared = repository.commit({"a": b"1\n"})
    other = clone(repository)
    own = other.commit({"b": b"1\n"})
    lake.run(repository)
    lake.run(other)
    assert lake.shas() == {shared, own}
    links = {
        (row["repo_id"].rpartition("/")[2], row["commit_sha"]) for row in lake.rows(code.RepoCommit)
    }
    assert links == {("repository", shared), ("clone", shared), ("clone", own)}
    lake.run(other, fullSync=True)
    assert lake.shas() == {shared, own}


def test_odd_bytes_are_stored_everywhere(any_lake, repository):
    tree = repository.tree().encode()
    repository.write_commit(
        b"tree %s\nauthor \xff\0\xf0\x9f\x9a\x80 <%s@x> 99999999999 +9999\n\n"
        b"Nul \0 \xed\xa0\x80 end" % (tree, b"a" * 300)
    )
    ctx = any_lake.run(repository)
    assert ctx.counts["quarantined"] == 0
    (row,) = any_lake.rows(code.Commit)
    assert row["message"] == "Nul \ufffd \ufffd\ufffd\ufffd end"
    assert row["author_name"] == "\ufffd\ufffd🚀"
    assert row["committer_id"] is row["committed_date"] is None
    assert row["author_id"] == any_lake.rows(crossdomain.Account)[0]["id"]


def test_deepened_clone_fills_what_was_unknown(lake, repository, clone):
    for i in range(3):
        repository.commit({"a": b"%d\n" % i})
    copy = clone(repository, "--depth=1")
    lake.run(copy)
    assert [row["additions"] for row in lake.rows(code.Commit)] == [None]
    copy.git("fetch", "-q", "--unshallow")
    lake.run(copy)
    assert [row["additions"] for row in lake.rows(code.Commit)] == [1, 1, 1]
    assert lake.count(code.CommitFile) == 3


def test_damage_leaves_what_was_stored(lake, repository):
    repository.commit({"a": b"1\n"})
    lake.run(repository)
    sha = repository.commit({"a": b"2\n"})
    path = repository.git_dir / "objects" / sha[:2] / sha[2:]
    path.unlink()
    with pytest.raises(DamagedRepository, match=sha):
        lake.run(repository)
    assert lake.count(code.Commit) == 1


def test_scope_is_the_repository_around_the_argument(repository, monkeypatch):
    repository.git("remote", "add", "origin", "https://me:secret@example.org/team/project.git")
    inside = repository.folder / "sub"
    inside.mkdir()
    monkeypatch.chdir(inside)
    plugin = GitRepoPlugin()
    scope = plugin.scope_from_argument(None)
    assert scope == plugin.scope_from_argument(str(repository.folder))
    assert (scope.id, scope.name) == (str(repository.folder), "repository")
    assert scope.url == "https://example.org/team/project.git"
    (repo,) = plugin.domain_scopes(scope)
    assert (repo.name, repo.url) == (scope.name, scope.url)


def test_long_path_is_a_short_id(repository, tmp_path):
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.parent.mkdir()
    repository.folder.rename(deep)
    scope = GitRepoPlugin().scope_from_argument(str(deep))
    assert len(scope.id) < 100
    assert scope.path == str(deep)


def test_address_is_told_to_be_cloned_first():
    with pytest.raises(NotARepository, match=r"https://example\.org/a is an address") as caught:
        GitRepoPlugin().scope_from_argument("https://me:secret@example.org/a")
    assert "git clone" in caught.value.hint


def test_connection_works_where_git_is(monkeypatch, tmp_path):
    connection = GitRepoConnection(name="default")
    assert GitRepoPlugin().test_connection(connection).success
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not GitRepoPlugin().test_connection(connection).success
