"""Each trap is shown to spring with ordinary git first, where it can."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from devlake_plugin_gitrepo import changes, command
from devlake_plugin_gitrepo.errors import (
    DamagedRepository,
    NotARepository,
    UnsupportedRepository,
)
from devlake_plugin_gitrepo.locate import locate
from devlake_plugin_gitrepo.reader import Reader, without_credentials


def read_all(repository):
    with Reader(locate(str(repository.folder))) as reader:
        reader.url()
        return list(reader.refs()), [record for record, _ in reader.commits({})]


@pytest.fixture
def two(repository):
    repository.commit({"a.txt": b"one\n"})
    repository.commit({"a.txt": b"one\ntwo\n"})
    return repository


def test_hooks_are_not_run(two, trap):
    for hook in ("post-commit", "post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(trap.program, two.git_dir / "hooks" / hook)
    assert trap.springs(lambda: two.commit({"b": b"b\n"}))
    assert not trap.springs(lambda: read_all(two))


def test_file_system_monitor_is_not_run(two, trap):
    two.git("config", "core.fsmonitor", str(trap.program))
    assert trap.springs(lambda: two.git("status"))
    assert not trap.springs(lambda: read_all(two))


def test_included_configuration_is_not_obeyed(two, trap):
    extra = two.folder / "extra"
    extra.write_text(f"[core]\n\tfsmonitor = {trap.program}\n[diff]\n\texternal = {trap.program}\n")
    two.git("config", "include.path", str(extra))
    assert trap.springs(lambda: two.git("diff", "HEAD~1", "HEAD"))
    assert not trap.springs(lambda: read_all(two))


def test_external_diff_is_not_run(two, trap):
    two.git("config", "diff.external", str(trap.program))
    assert trap.springs(lambda: two.git("diff", "HEAD~1", "HEAD"))
    assert not trap.springs(lambda: read_all(two))


@pytest.mark.parametrize("kind", ["textconv", "command"])
def test_diff_driver_of_attributes_is_not_run(two, trap, kind):
    two.commit({".gitattributes": b"* diff=evil\n"})
    two.commit({"a.txt": b"three\n"})
    two.git("config", f"diff.evil.{kind}", str(trap.program))
    assert trap.springs(lambda: two.git("log", "-p", "--ext-diff"))
    assert not trap.springs(lambda: read_all(two))


def test_filter_of_attributes_is_not_run(two, trap):
    two.commit({".gitattributes": b"* filter=evil\n"})
    for kind in ("clean", "smudge", "process"):
        two.git("config", f"filter.evil.{kind}", str(trap.program))
    assert trap.springs(lambda: two.try_git("archive", "HEAD"))
    assert not trap.springs(lambda: read_all(two))


def test_pager_and_editor_are_not_run(two, trap):
    for name in ("core.pager", "pager.log", "pager.for-each-ref", "core.editor", "gpg.program"):
        two.git("config", name, str(trap.program))
    two.git("config", "log.showSignature", "true")
    assert not trap.springs(lambda: read_all(two))


def test_aliases_and_programs_of_the_work_tree_are_not_run(two, trap, monkeypatch):
    for name in ("rev-list", "cat-file", "diff-tree", "for-each-ref"):
        two.git("config", f"alias.{name}", f"!{trap.program}")
    for name in ("git", "less", "sh"):
        shutil.copy(trap.program, two.folder / name)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:.")
    monkeypatch.chdir(two.folder)
    assert not trap.springs(lambda: read_all(two))


def missing_blob(repository):
    """Take one blob away, as a partial clone does."""
    sha = repository.git("rev-parse", "HEAD:a.txt")
    (repository.git_dir / "objects" / sha[:2] / sha[2:]).unlink()
    return sha


@pytest.mark.parametrize(
    ("url", "setting"),
    [
        ("{folder}", "remote.origin.uploadpack"),
        ("ssh://example.invalid/x", "core.sshCommand"),
        ("ext::{trap}", None),
    ],
)
def test_missing_object_is_not_fetched(two, trap, url, setting):
    sha = missing_blob(two)
    two.git("config", "core.repositoryFormatVersion", "1")
    two.git("config", "extensions.partialClone", "origin")
    two.git("config", "remote.origin.promisor", "true")
    two.git("config", "remote.origin.url", url.format(folder=two.folder, trap=trap.program))
    two.git("config", "protocol.ext.allow", "always")
    if setting:
        two.git("config", setting, str(trap.program))
    assert trap.springs(lambda: two.try_git("cat-file", "-p", sha))

    def read():
        with pytest.raises(DamagedRepository, match=sha):
            read_all(two)

    assert not trap.springs(read)


def test_missing_object_that_a_ref_names_is_not_fetched(two, trap):
    lost = "1" * 40
    (two.git_dir / "refs" / "tags" / "lost").write_text(lost + "\n")
    two.git("config", "core.repositoryFormatVersion", "1")
    two.git("config", "extensions.partialClone", "origin")
    two.git("config", "remote.origin.url", str(two.folder))
    two.git("config", "remote.origin.uploadpack", str(trap.program))
    assert trap.springs(lambda: two.try_git("cat-file", "-p", lost))

    def read():
        with pytest.raises(DamagedRepository, match=lost):
            read_all(two)

    assert not trap.springs(read)


def test_submodule_is_one_changed_file(two, trap):
    two.git("update-index", "--add", "--cacheinfo", f"160000,{'2' * 40},lib")
    (two.folder / ".gitmodules").write_text(
        f'[submodule "lib"]\n\tpath = lib\n\turl = {two.folder}\n\tupdate = !{trap.program}\n'
    )
    two.git("add", ".gitmodules")
    two.git("commit", "-q", "-m", "Add lib")
    two.git("config", "diff.submodule", "log")
    assert not trap.springs(lambda: read_all(two))
    changed = {file["path"]: file["additions"] for file in two.read()[-1]["files"]}
    assert changed == {".gitmodules": 4, "lib": 1}


def test_replacements_and_grafts_do_not_change_history(two):
    first, second = [record["sha"] for record in two.read()]
    other = two.git("commit-tree", two.tree(), "-m", "Never happened")
    two.git("replace", second, other)
    assert "Never happened" in two.git("log", "--format=%s", "main")
    (two.git_dir / "info" / "grafts").write_text(f"{second}\n")
    records = two.read()
    assert [record["sha"] for record in records] == [first, second]
    assert [parent["sha"] for parent in records[1]["parents"]] == [first]


def test_attributes_do_not_change_counts(two):
    (two.git_dir / "info" / "attributes").write_text("* -diff\n")
    two.commit({".gitattributes": b"* binary\n", "a.txt": b"one\n"})
    assert "-\t-\ta.txt" in two.git("show", "--numstat", "--format=")
    files = {file["path"]: file["deletions"] for file in two.read()[-1]["files"]}
    assert files["a.txt"] == 1


def test_mailmap_does_not_change_people(two):
    two.commit({".mailmap": b"Eve <eve@example.org> <ada@example.org>\n"})
    two.git("config", "log.mailmap", "true")
    assert two.git("log", "-1", "--format=%aN") == "Eve"
    assert {record["author"]["email"] for record in two.read()} == {"ada@example.org"}


def test_commit_graph_is_not_trusted(two):
    two.git("commit-graph", "write", "--reachable")
    graph = two.git_dir / "objects" / "info" / "commit-graph"
    graph.chmod(stat.S_IRUSR | stat.S_IWUSR)
    graph.write_bytes(graph.read_bytes()[:-60] + b"\xff" * 60)
    assert len(two.read()) == 2


def test_variables_of_the_caller_do_not_matter(two, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_EXTERNAL_DIFF"):
        monkeypatch.setenv(name, str(elsewhere))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    assert len(two.read()) == 2
    assert not (tmp_path / "trace").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_repository_of_another_user_is_read(two):
    for folder, _, files in os.walk(two.folder):
        for path in (folder, *(os.path.join(folder, file) for file in files)):
            os.chown(path, 12345, 12345)
    assert b"dubious ownership" in two.try_git("log").stderr
    assert len(two.read()) == 2


@pytest.mark.parametrize("name", ["HEAD", "shallow", "commondir"])
def test_pipe_in_place_of_a_file_does_not_hang(two, name):
    path = two.folder / ".git" / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    try:
        with Reader(locate(str(two.folder))) as reader:
            assert len(list(reader.commits({}))) == 2
    except NotARepository:
        assert name in {"HEAD", "commondir"}


ODD_FILES = [
    b"new\nline", b"tab\there", b"-rf", b'qu"ote\\', b"caf\xe9", b"caf\xff", b"\xe2\x80\xa8",
    b"=\n", b" ", b"deep/" * 40 + b"end", b"\x1b[31mred",
]  # fmt: skip


def test_odd_file_names_are_data(repository):
    entries = b"".join(
        b"100644 blob %s\t%s\0" % (repository.git("hash-object", "-w", "--stdin").encode(), name)
        for name in ODD_FILES
        if b"/" not in name
    )
    tree = repository.git("mktree", "-z", stdin=entries)
    sha = repository.git("commit-tree", tree, "-m", "Odd")
    repository.git("update-ref", "refs/heads/main", sha)
    (record,) = repository.read()
    names = {file["path"] for file in record["files"]}
    assert {"new\nline", "tab\there", "-rf", 'qu"ote\\', "=\n", " ", "\u2028"} <= names
    assert len({file["id"] for file in record["files"]}) == len(ODD_FILES) - 1
    "".join(names).encode()


def test_odd_ref_names_are_data(two):
    tip = two.git("rev-parse", "HEAD")
    for name in (b"-rf", b"caf\xe9", b"caf\xff", b"a\xe2\x80\xa8b", b"refs/tags/v1", b"HEAD"):
        two.git("update-ref", b"refs/heads/" + name, tip)
    two.git("update-ref", "refs/tags/v1", tip)
    two.git("update-ref", "refs/remotes/-rf", tip)
    two.git("update-ref", "refs/remotes/refs/tags/v1", tip)
    two.git("update-ref", "refs/heads/refs/remotes/-rf", tip)
    (two.git_dir / "refs" / "heads" / "bad name\n").write_text(tip + "\n")
    refs, records = read_all(two)
    assert len(records) == 2
    assert len({ref["id"] for ref in refs}) == len({ref["name"] for ref in refs}) == len(refs) == 11
    assert {"-rf", "refs/remotes/-rf", "a\u2028b", "refs/heads/refs/tags/v1"} <= {
        ref["name"] for ref in refs
    }


def test_huge_text_is_counted_as_binary_and_never_loaded(repository):
    repository.commit({"small": b"x\n", "huge": b"a line of text\n" * 1_000_000})
    repository.commit({"huge": b"another line of text\n" * 1_000_000})
    first, second = repository.read()
    assert {file["path"]: file["additions"] for file in first["files"]} == {"huge": 0, "small": 1}
    assert second["additions"] == 0


def test_trees_that_contain_each_other_end(repository, monkeypatch):
    monkeypatch.setattr(command, "MEMORY_LIMIT", 32 << 20)
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"boom\n")
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\tf\n".encode())
    for _ in range(9):
        lines = "".join(f"040000 tree {tree}\td{i}\n" for i in range(10))
        tree = repository.git("mktree", stdin=lines.encode())
    bomb = repository.git("commit-tree", tree, "-m", "Bomb")
    after = repository.git("commit-tree", tree, "-p", bomb, "-m", "After")
    other = repository.git("commit-tree", repository.tree(), "-m", "Other")
    repository.git("update-ref", "refs/heads/main", after)
    repository.git("update-ref", "refs/heads/other", other)
    records = {record["message"].strip(): record for record in repository.read()}
    assert set(records) == {"Bomb", "After", "Other"}
    assert records["Bomb"]["additions"] is None
    assert (records["After"]["additions"], records["Other"]["additions"]) == (0, 0)


def test_import_of_many_files_is_counted_whole_and_listed_in_part(repository, monkeypatch):
    monkeypatch.setattr(changes, "FILE_LIMIT", 10)
    repository.commit({f"f{i}": b"x\n" for i in range(25)})
    (record,) = repository.read()
    assert (record["additions"], len(record["files"]), record["files_left_out"]) == (25, 10, 15)


def corrupt(repository, sha):
    path = repository.git_dir / "objects" / sha[:2] / sha[2:]
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(b"garbage" + path.read_bytes()[7:])


@pytest.mark.parametrize("what", ["HEAD", "HEAD^{tree}", "HEAD:a.txt", "HEAD~1"])
def test_damaged_object_is_named_with_the_cure(two, what):
    sha = two.git("rev-parse", what)
    corrupt(two, sha)
    with pytest.raises(DamagedRepository, match=sha) as caught:
        read_all(two)
    assert "fsck" in caught.value.hint
    assert caught.value.exit_code == 65


def test_truncated_pack_is_an_error_of_one_line(two):
    two.git("repack", "-adq")
    (pack,) = (two.git_dir / "objects" / "pack").glob("*.pack")
    pack.chmod(stat.S_IRUSR | stat.S_IWUSR)
    pack.write_bytes(pack.read_bytes()[:100])
    with pytest.raises(DamagedRepository) as caught:
        read_all(two)
    assert "\n" not in str(caught.value)


def test_empty_ref_is_damage_and_not_a_branch_less(two):
    two.git("branch", "other")
    (two.git_dir / "refs" / "heads" / "other").write_text("")
    with pytest.raises(DamagedRepository, match="refs/heads/other"):
        read_all(two)


def test_repository_with_sha256_names_is_refused(tmp_path, repository):
    folder = tmp_path / "sha256"
    repository.git("init", "-q", "--object-format=sha256", str(folder))
    repository.folder = folder
    repository.commit({"a": b"a\n"})
    with pytest.raises(UnsupportedRepository, match="SHA-256"):
        repository.read()


def test_reading_leaves_the_repository_as_it_was(two):
    def look():
        return sorted(
            (path, path.stat().st_mtime_ns, path.stat().st_size) for path in two.folder.rglob("*")
        )

    before = look()
    read_all(two)
    assert look() == before


def test_closing_early_ends_every_command(long_history):
    repository = long_history(500)
    reader = Reader(locate(str(repository.folder)))
    commits = reader.commits({})
    next(commits)
    processes = [child._process for child in reader._git._children]
    folder = reader._git._room.name
    assert len(processes) == 3
    reader.close()
    assert all(process.poll() is not None for process in processes)
    assert not os.path.exists(folder)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@example.org/a/b.git", "https://example.org/a/b.git"),
        ("https://token@example.org/a?access_token=x#y", "https://example.org/a"),
        ("ssh://git@example.org:22/a/b", "ssh://example.org:22/a/b"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("https://[oops/a", ""),
    ],
)
def test_url_has_no_credentials(url, shown):
    assert without_credentials(url) == shown


def test_message_shows_no_control_characters(two):
    path = two.git_dir / "refs" / "heads" / "other"
    path.write_text("\x1b[31mnonsense\n")
    with pytest.raises(DamagedRepository) as caught:
        read_all(two)
    assert "\x1b" not in str(caught.value)


def test_missing_git_command_is_said(two, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match="not installed") as caught:
        two.read()
    assert caught.value.exit_code == 78
