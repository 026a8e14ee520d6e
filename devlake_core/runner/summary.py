"""What a person, or a program, is told at the end of a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .job import WORDS, Outcome, exit_code_of

if TYPE_CHECKING:
    from collections.abc import Iterable


def summary(outcomes: list[Outcome], seconds: float) -> dict[str, Any]:
    """Return a run's summary as a JSON-able mapping; the words are those of the text."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.counts)
    return {
        "exit_code": exit_code_of(outcomes),
        **{word: total[word] for word in WORDS},
        "seconds": round(seconds, 3),
        "warnings": list(dict.fromkeys(text for o in outcomes for text in o.warnings)),
        "jobs": [_of_job(outcome) for outcome in outcomes],
    }


def _of_job(outcome: Outcome) -> dict[str, Any]:
    job, failure = outcome.job, outcome.failure
    return {
        "plugin": job.plugin,
        "connection": job.connection,
        "scope": job.scope,
        "name": job.scope_name,
        "verb": job.verb,
        "exit_code": outcome.exit_code,
        **{word: outcome.counts[word] for word in WORDS},
        "seconds": round(outcome.seconds, 3),
        "warnings": outcome.warnings,
        "server_only": outcome.server_only,
        "error": None
        if failure is None
        else {"message": failure.message, "hint": failure.hint, "subtask": failure.subtask},
    }


def job_lines(outcome: Outcome) -> Iterable[str]:
    """Yield the lines that sum up one job."""
    yield f"{outcome.job.title}: {outcome.state} in {outcome.seconds:.1f} s"
    yield "  " + counted(outcome.counts)
    for text in dict.fromkeys(outcome.warnings):
        yield f"  warning: {text}"
    quarantined = outcome.counts["quarantined"]
    if quarantined:
        table = f"_raw_{outcome.job.plugin}__quarantine"
        noun = "record is" if quarantined == 1 else "records are"
        yield f"  {quarantined:,} bad {noun} in quarantine: table {table} has the reasons"
    if outcome.server_only:
        names = ", ".join(outcome.server_only)
        yield f"  only under DevLake's server: {names}"


def total_lines(outcomes: list[Outcome], seconds: float) -> Iterable[str]:
    """Yield the lines that sum up a run of several jobs."""
    if len(outcomes) < 2:
        return
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.counts)
    states = Counter(outcome.state for outcome in outcomes)
    ends = "".join(f", {states[word]} {word}" for word in ("failed", "stopped") if states[word])
    yield f"all: {states['done']} of {len(outcomes)} done{ends}, {seconds:.1f} s"
    yield "  " + counted(total)


def counted(counts: Counter[str]) -> str:
    """Return counts as a line with all the words."""
    return " · ".join(f"{word} {counts[word]:,}" for word in WORDS)


def step_words(counts: dict[str, int]) -> str:
    """Return the counts of one step that are not nothing, as a person says them."""
    found = [
        # requests and records are things, the others say what was done with them
        f"{counts[word]:,} {word[:-1] if counts[word] == 1 and word.endswith('s') else word}"
        for word in WORDS
        if counts.get(word)
    ]
    return ", ".join(found) or "nothing new"
