"""What is collected of a repository: commits with all that they hold, and refs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import devlake_core as dl
from devlake_core.domain import code, crossdomain

from .changes import UNCOUNTED
from .locate import locate
from .models import Account, Commit, CommitFile, CommitParent, Ref, Repository, RepositoryCommit
from .reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .models import GitRepoConnection

    Ctx = dl.Context[GitRepoConnection, Repository, dl.ScopeConfig, Any]

_REF_ID_LIMIT = 500


class Commits(dl.Stream[Commit]):
    """Read the commits that are new since the last run, parents first."""

    domain_types = [dl.DomainType.CODE]
    domain_models = [code.Commit]

    def collect(self, state: dict[str, Any], ctx: Ctx) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield each new commit with its parents, files and people."""
        with Reader(locate(ctx.scope.path)) as reader:
            for record, after in reader.commits(state):
                left_out = record["files_left_out"]
                if left_out == UNCOUNTED:
                    ctx.warn(f"commit {record['sha']} changes more files than git can count")
                elif left_out:
                    ctx.warn(
                        f"commit {record['sha']}: {left_out} of its files are not listed, only "
                        "counted in its totals"
                    )
                yield record, after

    def convert(self, commit: Commit, ctx: Ctx) -> code.Commit:
        """Return the domain layer's commit."""
        return code.Commit(
            sha=commit.sha,
            message=commit.message,
            additions=commit.additions,
            deletions=commit.deletions,
            author_id=ctx.domain_id(Account, commit.author_id),
            author_name=commit.author_name,
            author_email=commit.author_email,
            authored_date=commit.authored_date,
            committer_id=ctx.domain_id(Account, commit.committer_id),
            committer_name=commit.committer_name,
            committer_email=commit.committer_email,
            committed_date=commit.committed_date,
        )


class CommitParents(dl.Stream[CommitParent]):
    """Read the parents in the records of commits."""

    raw_from, records = Commits, "/parents"
    domain_types = [dl.DomainType.CODE]
    domain_models = [code.CommitParent]

    def convert(self, parent: CommitParent, ctx: Ctx) -> code.CommitParent:
        """Return the domain layer's edge between two commits."""
        return code.CommitParent(commit_sha=parent.commit_sha, parent_commit_sha=parent.parent_sha)


class CommitFiles(dl.Stream[CommitFile]):
    """Read the changed files in the records of commits."""

    raw_from, records = Commits, "/files"
    domain_types = [dl.DomainType.CODE]
    domain_models = [code.CommitFile]

    def convert(self, file: CommitFile, ctx: Ctx) -> code.CommitFile:
        """Return the domain layer's file; its id is the one that DevLake's own extractor gives."""
        return code.CommitFile(
            id=f"{file.commit_sha}:{file.id}",
            commit_sha=file.commit_sha,
            file_path=file.path,
            additions=file.additions,
            deletions=file.deletions,
        )


class RepositoryCommits(dl.Stream[RepositoryCommit]):
    """Tell which repository has a commit: the commit itself belongs to all that have it."""

    raw_from = Commits
    domain_types = [dl.DomainType.CODE]
    domain_models = [code.RepoCommit]

    def convert(self, row: RepositoryCommit, ctx: Ctx) -> code.RepoCommit:
        """Return the domain layer's link."""
        return code.RepoCommit(repo_id=ctx.scope.domain_id(), commit_sha=row.sha)


class Accounts(dl.Stream[Account]):
    """Read the authors and committers in the records of commits."""

    raw_from, records = Commits, "/people"
    domain_types = [dl.DomainType.CODE, dl.DomainType.CROSS]
    domain_models = [crossdomain.Account]

    def convert(self, account: Account, ctx: Ctx) -> crossdomain.Account:
        """Return the domain layer's account."""
        return crossdomain.Account(
            email=account.email, full_name=account.name, user_name=account.name
        )


class Refs(dl.Stream[Ref]):
    """Read all branches and tags in every run, so that those that are gone go here too."""

    domain_types = [dl.DomainType.CODE]
    domain_models = [code.Ref]

    def collect(self, state: dict[str, Any], ctx: Ctx) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield each ref, and never a state: every pass is a full one."""
        with Reader(locate(ctx.scope.path)) as reader:
            for record in reader.refs():
                yield record, {}

    def convert(self, ref: Ref, ctx: Ctx) -> code.Ref:
        """Return the domain layer's ref."""
        repo_id = ctx.scope.domain_id()
        ref_id = f"{repo_id}:{ref.name}"
        if len(ref_id) > _REF_ID_LIMIT:
            ref_id = f"{repo_id}:{hashlib.sha256(ref.name.encode()).hexdigest()}"
        return code.Ref(
            id=ref_id,
            repo_id=repo_id,
            name=ref.name,
            commit_sha=ref.commit_sha,
            is_default=ref.is_default,
            ref_type=ref.ref_type,
        )
