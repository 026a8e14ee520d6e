"""Read a repository as a stream of records: its refs, and its commits from the oldest on."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

from .changes import Changes, unknown_changes
from .command import Git
from .commit import MESSAGE_LIMIT, decode, parse_commit
from .errors import UnsupportedRepository

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .command import Child
    from .locate import Location

Record = dict[str, Any]

# Commits asked of git at a time: what is written must fit into a pipe of 16 KiB.
_BATCH = 150
# How many commits may have to be read again after a kill.
_CHECKPOINT = 1000
_OBJECT_LIMIT = 2 * MESSAGE_LIMIT
_PEOPLE_LIMIT = 50_000
_SHA1 = 40
_BRANCH = b"refs/heads/"


class Reader:
    """Read one repository; close it to end the git commands that it started."""

    def __init__(self, location: Location) -> None:
        self._git = Git(location)

    def __enter__(self) -> Self:
        """Return the reader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the reader."""
        self.close()

    def close(self) -> None:
        """End the git commands that still run."""
        self._git.close()

    def url(self) -> str | None:
        """Return where the repository was cloned from, without credentials; None if nowhere."""
        told = self._git.ask("config", "--get", "remote.origin.url", statuses=(0, 1))
        return without_credentials(decode(told).strip()) or None

    def refs(self) -> Iterator[Record]:
        """Yield branches, remote branches and tags, with the commits that they name."""
        default = self._git.ask("symbolic-ref", "-q", "HEAD", statuses=(0, 1)).strip()
        refs = self._named()
        branches = {name for name in refs if name.startswith(_BRANCH)}
        for name, commit in zip(refs, self._commits_of(refs.values()), strict=True):
            yield {
                "id": hashlib.sha256(name).hexdigest(),
                "ref": name.decode("utf-8", "backslashreplace"),
                "name": _shown(name, branches).decode("utf-8", "backslashreplace"),
                "ref_type": "TAG" if name.startswith(b"refs/tags/") else "BRANCH",
                "commit_sha": commit,
                "is_default": name == default,
            }

    def commits(self, state: Record) -> Iterator[tuple[Record, Record]]:
        """Yield the commits that a state does not stand for, each with the state after it.

        Parents come before their children, so whatever was read so far is a whole history, and
        its newest commits (``heads``) stand for all of it. A shallow clone that got deeper is
        read again, since its oldest commits looked like the first ones before.
        """
        tips = self._tips()
        shallow = _fingerprint(self._git.shallow)
        heads: list[str] = state.get("heads", []) if state.get("shallow", "") == shallow else []
        known = {head for head in self._commits_of(heads, gone=True) if head}
        if known.issuperset(tips):
            return
        newest, current, since = set(known), state, 0
        last: Record | None = None
        for record, parents in self._history(tips, known):
            if last is not None:
                if since >= max(_CHECKPOINT, len(newest)):
                    current, since = {"heads": sorted(newest), "shallow": shallow}, 0
                yield last, current
            newest.difference_update(parents)
            newest.add(record["sha"])
            since += 1
            last = record
        if last is not None:
            yield last, {"heads": sorted(newest), "shallow": shallow}

    def _history(self, tips: list[str], known: set[str]) -> Iterator[tuple[Record, list[str]]]:
        """Yield the commits' records with the parents that are there, parents first."""
        walk = self._git.start("rev-list", "--topo-order", "--reverse", "--parents", "--stdin")
        walk.say("".join([*(f"{tip}\n" for tip in tips), *(f"^{sha}\n" for sha in known)]).encode())
        walk.hang_up()
        objects = self._git.start("cat-file", "--batch")
        changes = Changes(self._git)
        people: dict[str, str] = {}
        lines = iter(walk.output.readline, b"")
        while batch := [line.split() for line in islice(lines, _BATCH)]:
            objects.say(b"".join(shas[0] + b"\n" for shas in batch))
            asked = [b" ".join(shas[:2]) for shas in batch if shas[0] not in self._git.shallow]
            if asked:
                changes.ask(asked)
            for sha, *parents in batch:
                record = parse_commit(sha.decode(), self._object(objects, sha))
                if sha in self._git.shallow:
                    # Against which parent it changed what is unknown here.
                    record |= unknown_changes()
                else:
                    record |= changes.of(sha)
                record["people"] = _new_people(record, people)
                yield record, [parent.decode() for parent in parents]
        walk.finish()

    def _object(self, objects: Child, sha: bytes) -> bytes:
        header = objects.output.readline().split()
        if not header:
            objects.fail()
        if header[1:2] != [b"commit"]:
            self._git.refuse(f"commit {sha.decode()} is missing or damaged")
        size = int(header[2])
        body = objects.output.read(min(size, _OBJECT_LIMIT))
        left = size - len(body) + 1
        while left:
            block = objects.output.read(min(left, _OBJECT_LIMIT))
            if not block:
                objects.fail()
            left -= len(block)
        return body

    def _named(self) -> dict[bytes, str]:
        """Return the names of branches and tags, and the objects that they name."""
        told = self._git.ask(
            *("for-each-ref", "--format=%(objectname) %(refname)%(if)%(symref)%(then) @%(end)"),
            *("refs/heads", "refs/remotes", "refs/tags"),
        )
        refs: dict[bytes, str] = {}
        for line in told.split(b"\n"):
            sha, _, name = line.partition(b" ")
            # A ref that only points to another one, like origin/HEAD, is no branch of its own.
            if name and not name.endswith(b" @"):
                refs[name] = sha.decode()
        if any(len(sha) != _SHA1 for sha in refs.values()):
            message = f"{self._git.location.top} has SHA-256 names; DevLake's tables hold SHA-1"
            raise UnsupportedRepository(message)
        return refs

    def _tips(self) -> list[str]:
        head = self._git.ask("rev-parse", "-q", "--verify", "HEAD", statuses=(0, 1))
        named = [*self._named().values(), *decode(head).split()]
        return [tip for tip in dict.fromkeys(self._commits_of(named)) if tip]

    def _commits_of(self, shas: Iterable[str], *, gone: bool = False) -> Iterator[str | None]:
        """Yield the commit that each object is or, as a tag, names; None where it is no commit.

        Args:
            shas: the objects' names.
            gone: whether they may be missing; that is damage otherwise.
        """
        peel = self._git.start("cat-file", "--batch-check")
        rest = iter(shas)
        while batch := list(islice(rest, _BATCH)):
            peel.say("".join(f"{sha}^{{}}\n" for sha in batch).encode())
            for sha in batch:
                line = peel.output.readline()
                if not line:
                    peel.fail()
                words = line.decode().split()
                if words[1:2] != ["missing"]:
                    yield words[0] if words[1:2] == ["commit"] else None
                elif gone:
                    yield None
                else:
                    self._git.refuse(f"object {sha}, which a ref names, is missing")
        self._git.forget(peel)


def without_credentials(url: str) -> str:
    """Return an address without the user name and password that may stand in it."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _shown(name: bytes, branches: set[bytes]) -> bytes:
    """Return a ref's name as DevLake's tables have it: short for branches, whole for tags."""
    local = name in branches
    short = name.removeprefix(_BRANCH if local else b"refs/remotes/")
    taken = not local and _BRANCH + short in branches
    return name if taken or short.startswith(b"refs/") else short


def _fingerprint(shallow: frozenset[bytes]) -> str:
    return hashlib.sha256(b"\n".join(sorted(shallow))).hexdigest() if shallow else ""


def _new_people(record: Record, known: dict[str, str]) -> list[Record]:
    """Return committer and author, unless they were told of by the same name before.

    Where both have one key, the author's name is the one that counts.
    """
    people = {person["id"]: person for person in (record["committer"], record["author"]) if person}
    told = [person for key, person in people.items() if known.get(key) != person["name"]]
    if len(known) >= _PEOPLE_LIMIT:
        known.clear()
    known.update((person["id"], person["name"]) for person in told)
    return told
