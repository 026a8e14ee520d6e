"""The plugin: repositories of this machine as a data source."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import devlake_core as dl
from devlake_core.domain import code

from .command import git_program
from .errors import GitMissing, NotARepository
from .locate import Location, locate
from .models import GitRepoConnection, Repository
from .reader import Reader, without_credentials
from .streams import Accounts, CommitFiles, CommitParents, Commits, Refs, RepositoryCommits

if TYPE_CHECKING:
    from collections.abc import Iterable

# The rows' origin holds the id, within JSON, in 255 characters.
_ID_LIMIT = 190


class GitRepoPlugin(dl.Plugin):
    """Collect the history of local git repositories."""

    name = "gitrepo"
    description = "History of local git repositories: commits, files, refs and authors"
    connection_type = GitRepoConnection
    tool_scope_type = Repository
    streams = [Commits, CommitParents, CommitFiles, RepositoryCommits, Accounts, Refs]

    def scope_from_argument(self, text: str | None) -> Repository:
        """Return the repository at a path, by default the one around the working directory.

        Raises:
            NotARepository: there is none.
        """
        if text is not None and "://" in text:
            message = f"{without_credentials(text)} is an address, and repositories are read here"
            raise NotARepository(message, hint="git clone it, then: devlake run gitrepo FOLDER")
        location = locate(text or ".")
        with Reader(location) as reader:
            url = reader.url()
        path = str(location.top)
        return Repository(id=scope_id(location), name=shown_name(location), path=path, url=url)

    def test_connection(self, connection: GitRepoConnection) -> dl.TestConnectionResult:
        """Tell whether git is there."""
        try:
            program = git_program()
        except GitMissing as missing:
            return dl.TestConnectionResult(success=False, message=str(missing), status=503)
        return dl.TestConnectionResult(success=True, message=f"git is {program}", status=200)

    def domain_scopes(self, repository: Repository) -> Iterable[dl.DomainScope]:
        """Return the domain layer's repository."""
        yield code.Repo(name=repository.name, url=repository.url or f"file://{repository.path}")


def shown_name(location: Location) -> str:
    """Return the folder's name as people call the repository."""
    return location.top.name.removesuffix(".git") or str(location.top)


def scope_id(location: Location) -> str:
    """Return the id of a repository: its path, hashed where it is too long.

    It is the path, and not the address that it was cloned from: that one stands in the
    repository's configuration, where a hostile one could name another repository and so take its
    place in the tables.
    """
    path = str(location.top)
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        message = f"the path {path!r} is no UTF-8, which tables cannot hold"
        raise NotARepository(message, hint="rename the folder, or name a link to it") from None
    if length <= _ID_LIMIT:
        return path
    return f"{hashlib.sha256(path.encode()).hexdigest()[:32]}:{location.top.name[:32]}"
