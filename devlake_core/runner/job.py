"""What is to be run, and what came of it, as values that JSON can carry."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from devlake_core.plugin.clean import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

VERBS = ("collect", "extract", "convert")

WORDS = (
    "requests",
    "records",
    "written",
    "unchanged",
    "quarantined",
    "truncated",
    "removed",
)
"""What is counted in a run, in the order in which it is shown."""

STOPPED = (130, 143)
"""The exit codes of what Ctrl-C or SIGTERM ended."""


@dataclass(frozen=True)
class Job:
    """Say what to run: any process on any machine that reaches the database can do it.

    Attributes:
        plugin: the data source's name.
        connection: the connection's name.
        connection_id: the connection's number.
        scope: the scope's id.
        scope_name: what people call the scope.
        verb: ``collect``, ``extract``, ``convert`` or ``all``.
        streams: names of streams; none stands for those that the scope's config asks for.
        full_refresh: whether everything is read again.
        wait: how many seconds to wait for another run of the scope to end.
        legacy: the path of the plugin's ``main.py``, if it is no distribution.
    """

    plugin: str
    connection: str
    connection_id: int
    scope: str
    scope_name: str = ""
    verb: str = "all"
    streams: tuple[str, ...] = ()
    full_refresh: bool = False
    wait: float = 0.0
    legacy: str = ""

    @property
    def title(self) -> str:
        """Return what a person reads: plugin and scope."""
        # The name is the tool's: it goes to terminals and logs.
        return f"{self.plugin} {clean(self.scope_name or self.scope, 100)}"

    @property
    def verbs(self) -> tuple[str, ...]:
        """Return the verbs to run, in their order."""
        return VERBS if self.verb == "all" else (self.verb,)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping."""
        return {**asdict(self), "streams": list(self.streams)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """Return the job of a mapping; keys that a newer version wrote are left out."""
        known = {item.name for item in fields(cls)}
        found = {key: value for key, value in values.items() if key in known}
        return cls(**{**found, "streams": tuple(found.get("streams", ()))})


@dataclass(frozen=True)
class Task:
    """Be a job with all that a process needs to do it; it holds secrets, so it is never shown.

    Attributes:
        job: what to run.
        url: the database's URL.
        connection: the values of the connection, decrypted.
        scope: the values of the scope.
        config: the values of the scope config; None for the plugin's defaults.
    """

    job: Job
    url: str = field(repr=False)
    connection: dict[str, Any] = field(repr=False)
    scope: dict[str, Any] = field(repr=False)
    config: dict[str, Any] | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping, for the pipe to another process."""
        return {
            "job": self.job.as_dict(),
            "url": self.url,
            "connection": self.connection,
            "scope": self.scope,
            "config": self.config,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Task:
        """Return the task of a mapping."""
        return cls(**{**values, "job": Job.from_dict(values["job"])})


@dataclass(frozen=True)
class Failure:
    """Say why a job failed.

    Attributes:
        message: what happened and where.
        hint: what to do about it.
        exit_code: what the process should end with.
        subtask: the verb and stream that were run, if any.
        traceback: where it was raised, for ``--debug``.
    """

    message: str
    hint: str = ""
    exit_code: int = 70
    subtask: str = ""
    traceback: str = ""


@dataclass
class Outcome:
    """Say what came of a job.

    Attributes:
        job: what was run.
        counts: what was counted, by the words of ``WORDS``.
        seconds: how long it took.
        warnings: what a person should know, each once.
        server_only: plugins that only DevLake's server runs for this scope.
        failure: why it failed; None if it ended well.
    """

    job: Job
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    server_only: list[str] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def state(self) -> str:
        """Return how it ended: ``done``, ``failed``, or ``stopped`` by Ctrl-C or SIGTERM."""
        if self.failure is None:
            return "done"
        return "stopped" if self.failure.exit_code in STOPPED else "failed"

    @property
    def exit_code(self) -> int:
        """Return what a process should end with that ran this job alone."""
        return 0 if self.failure is None else self.failure.exit_code

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping, for the pipe from another process."""
        return {**asdict(self), "job": self.job.as_dict(), "counts": dict(self.counts)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Outcome:
        """Return the outcome of a mapping."""
        failure = values["failure"]
        return cls(
            **{
                **values,
                "job": Job.from_dict(values["job"]),
                "counts": Counter(values["counts"]),
                "failure": None if failure is None else Failure(**failure),
            }
        )


def exit_code_of(outcomes: list[Outcome]) -> int:
    """Return the exit code of a run: 3 if a part of its jobs failed, else that of the first.

    A cancelled run says so, and so does one whose worker was killed by a signal.
    """
    codes = [outcome.exit_code for outcome in outcomes]
    failed = [code for code in codes if code]
    for code in failed:
        if code >= 128:
            return code
    if not failed:
        return 0
    return 3 if len(failed) < len(codes) else failed[0]
