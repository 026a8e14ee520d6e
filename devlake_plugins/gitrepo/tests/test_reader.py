from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc

import pytest

from devlake_plugin_gitrepo import reader
from devlake_plugin_gitrepo.errors import NotARepository
from devlake_plugin_gitrepo.locate import locate
from devlake_plugin_gitrepo.reader import Reader


def shas(records):
    return [record["sha"] for record in records]


@pytest.fixture
def merged(repository):
    """Return a history with a merge: base, main, side, merge."""
    repository.commit({"a": b"1\n2\n", "b": b"x\n"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"b": None, "c": b"1\n"})
    repository.git("checkout", "-q", "main")
    repository.commit({"a": b"1\n3\n4\n"})
    repository.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    return repository


def test_counts_are_those_of_the_first_parent(merged):
    base, *_, merge = merged.read()
    assert (base["additions"], base["deletions"]) == (3, 0)
    assert {(f["path"], f["additions"], f["deletions"]) for f in merge["files"]} == {
        ("b", 0, 1),
        ("c", 1, 0),
    }
    assert [parent["position"] for parent in merge["parents"]] == [0, 1]


def test_parents_come_before_children(merged):
    seen = set()
    for record in merged.read():
        assert seen.issuperset(parent["sha"] for parent in record["parents"])
        seen.add(record["sha"])
    assert len(seen) == 4


def test_binary_file_has_no_lines(repository):
    repository.commit({"image": b"\0\1\2" * 100})
    (record,) = repository.read()
    assert record["files"][0]["additions"] == record["additions"] == 0


def test_person_is_told_once_and_again_by_a_new_name(repository):
    repository.commit()
    repository.commit()
    repository.commit(GIT_AUTHOR_NAME="Ada Lovelace")
    told = [[person["name"] for person in record["people"]] for record in repository.read()]
    assert told == [["Ada"], [], ["Ada Lovelace"]]


def test_empty_repository_gives_nothing(repository):
    assert repository.read() == []
    assert repository.refs() == {}


def test_bare_repository(merged, clone):
    assert shas(clone(merged, "--bare").read()) == shas(merged.read())


def test_added_work_tree_and_folder_inside_it(merged, tmp_path):
    merged.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "main")
    inside = tmp_path / "tree" / "sub"
    inside.mkdir()
    location = locate(str(inside))
    assert location.top == tmp_path / "tree"
    with Reader(location) as opened:
        assert len(list(opened.commits({}))) == 4


def test_submodule_folder_with_a_git_file(merged, repository, tmp_path):
    inner = merged.folder / "module"
    subprocess.run(["git", "init", "-q", f"--separate-git-dir={tmp_path}/g", inner], check=True)
    assert locate(str(inner)).git_dir == tmp_path / "g"


def test_clone_with_alternates(merged, tmp_path):
    shared = tmp_path / "shared"
    merged.git("clone", "-q", "--shared", str(merged.folder), str(shared))
    with Reader(locate(str(shared))) as opened:
        assert len(list(opened.commits({}))) == 4


def test_detached_head_is_read(merged):
    merged.git("checkout", "-q", "--detach")
    alone = merged.commit({"d": b"d\n"})
    assert shas(merged.read())[-1] == alone
    assert not any(ref["is_default"] for ref in merged.refs().values())


def test_notes_and_stashes_are_no_history(merged):
    merged.git("notes", "add", "-m", "A note")
    (merged.folder / "a").write_text("changed")
    merged.git("stash")
    assert len(merged.read()) == 4


def test_refs_have_the_names_and_kinds_of_devlake(merged, clone):
    merged.git("tag", "light", "side")
    merged.git("tag", "-a", "-m", "A tag", "annotated", "main")
    merged.git("tag", "-a", "-m", "A tag of a tag", "twice", "annotated")
    merged.git("tag", "of-a-tree", "main^{tree}")
    merged.git("branch", "origin/main", "side")
    refs = merged.refs()
    main, side = merged.git("rev-parse", "main"), merged.git("rev-parse", "side")
    assert {name: ref["commit_sha"] for name, ref in refs.items()} == {
        "main": main,
        "side": side,
        "origin/main": side,
        "refs/tags/light": side,
        "refs/tags/annotated": main,
        "refs/tags/twice": main,
        "refs/tags/of-a-tree": None,
    }
    assert [name for name, ref in refs.items() if ref["is_default"]] == ["main"]
    assert {ref["ref_type"] for name, ref in refs.items() if "tags" in name} == {"TAG"}
    copy = clone(merged).refs()
    assert {"main", "origin/main", "origin/side"} <= set(copy)
    assert "origin/HEAD" not in copy


@pytest.mark.parametrize("what", ["missing", "file", "folder"])
def test_what_is_no_repository_is_said(tmp_path, what):
    path = tmp_path / what
    if what == "file":
        path.write_text("")
    elif what == "folder":
        path.mkdir()
    with pytest.raises(NotARepository, match=str(path)) as caught:
        locate(str(path))
    assert caught.value.exit_code == 2
    assert "devlake run gitrepo" in caught.value.hint


# Incremental reading


def test_second_read_gives_only_what_is_new(merged):
    _, state = merged.read_on()
    assert merged.read(state) == []
    new = merged.commit({"d": b"d\n"})
    assert shas(merged.read(state)) == [new]


def test_new_branch_without_new_commits_gives_nothing(merged):
    _, state = merged.read_on()
    merged.git("branch", "again", "main~1")
    assert merged.read(state) == []


@pytest.mark.parametrize("collected", [False, True])
def test_forced_push_gives_what_is_new(merged, collected):
    merged.commit({"d": b"old\n"})
    _, state = merged.read_on()
    merged.git("reset", "-q", "--hard", "HEAD~1")
    new = merged.commit({"d": b"new\n"}, "Another")
    if collected:
        merged.git("reflog", "expire", "--expire=now", "--all")
        merged.git("gc", "-q", "--prune=now")
    records, after = merged.read_on(state)
    # Without the old tip nothing says what was read; everything is, which is slower and right.
    assert shas(records) == ([new] if not collected else shas(merged.read()))
    assert new in after["heads"]
    assert merged.read(after) == []


def test_push_back_to_an_older_commit_reads_nothing_and_forgets_nothing(merged):
    _, state = merged.read_on()
    merged.git("reset", "-q", "--hard", "HEAD~1")
    merged.git("branch", "-D", "side")
    assert merged.read_on(state) == ([], state)
    new = merged.commit({"d": b"new\n"})
    assert shas(merged.read(state)) == [new]


def test_state_keeps_only_the_newest_commits(merged):
    merged.git("tag", "v1", "main~1")
    _, state = merged.read_on()
    assert state["heads"] == [merged.git("rev-parse", "main")]


def test_every_state_on_the_way_continues_where_it_stands(long_history, monkeypatch):
    monkeypatch.setattr(reader, "_CHECKPOINT", 7)
    monkeypatch.setattr(reader, "_BATCH", 5)
    repository = long_history(60)
    repository.git("branch", "side", "main~10")
    repository.git("checkout", "-q", "side")
    repository.commit({"s": b"s\n"})
    with Reader(locate(str(repository.folder))) as opened:
        steps = [(record["sha"], state) for record, state in opened.commits({})]
    assert len(steps) == 61
    states = []
    for position, (_, state) in enumerate(steps):
        if state not in states:
            states.append(state)
            json.dumps(state)
            again = shas(repository.read(state))
            read = {sha for sha, _ in steps[: position + 1]}
            assert read.union(again) == {sha for sha, _ in steps}
            assert len(again) <= 61 - position + 7
    assert len(states) > 6
    assert states[0] == {}


def test_shallow_clone_knows_no_changes_of_its_oldest_commits(long_history, clone):
    origin = long_history(30)
    copy = clone(origin, "--depth=3")
    records, state = copy.read_on()
    oldest = [record for record in records if record["additions"] is None]
    assert oldest
    assert all(record["files"] == [] and record["parents"] for record in oldest)
    assert all(record["files"] for record in records if record not in oldest)
    assert copy.read(state) == []


def test_deepened_clone_is_read_again(long_history, clone):
    origin = long_history(30)
    copy = clone(origin, "--depth=3")
    _, state = copy.read_on()
    copy.git("fetch", "-q", "--depth=10")
    deeper, state = copy.read_on(state)
    assert shas(deeper) == shas(copy.read())
    copy.git("fetch", "-q", "--unshallow")
    whole, state = copy.read_on(state)
    assert whole == origin.read()
    assert copy.read(state) == []


def test_another_repository_in_its_place_is_read_whole(merged, tmp_path, repository):
    _, state = merged.read_on()
    merged.folder.rename(tmp_path / "away")
    merged.folder.mkdir()
    merged.git("init", "-q", "-b", "main")
    new = merged.commit({"z": b"z\n"})
    assert shas(merged.read(state)) == [new]


def test_state_of_nonsense_names_no_options(merged):
    assert len(merged.read({"heads": ["--help", "x" * 40]})) == 4


# Memory


def test_five_thousand_commits_in_flat_memory(long_history):
    repository = long_history(5000)
    with Reader(locate(str(repository.folder))) as opened:
        commits = opened.commits({})
        next(commits)
        tracemalloc.start()
        try:
            count = 1 + sum(1 for _ in commits)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert count == 5000
    assert peak < 4 << 20


# VmHWM is this program's own; what getrusage tells of it began with the program that started it.
READ_ALL = """
import pathlib, re, resource, sys
from devlake_plugin_gitrepo.locate import locate
from devlake_plugin_gitrepo.reader import Reader
with Reader(locate(sys.argv[1])) as reader:
    print(sum(1 for _ in reader.commits({})))
print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
def test_a_hundred_thousand_commits_in_flat_memory(long_history):
    repository = long_history(100_000)
    command = [sys.executable, "-c", READ_ALL, str(repository.folder)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    count, ours, largest_git = map(int, done.stdout.split())
    assert count == 100_000
    assert ours < 40 << 10
    assert largest_git < 128 << 10
