"""A run that is killed and started again leaves the tables of one that nobody disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import world
from tests.faults.conftest import BATCH

if TYPE_CHECKING:
    from tests.faults.conftest import Sea

PHASES = (1, 2, 3)
SAMPLES = {"sqlite": 8, "postgresql": 2, "mysql": 2}
STRIDES = {"sqlite": 1, "postgresql": 5, "mysql": 5}
"""Of how many failpoints one is tried in the slow test: they take a server some seconds each."""


class Undisturbed:
    """What each phase leaves when nobody kills it, and how many failpoints it passes."""

    def __init__(self, sea: Sea, **request: Any) -> None:
        self.points: dict[int, int] = {}
        self.dumps: dict[int, Any] = {}
        self.keys: dict[int, Any] = {0: {}}
        for phase in PHASES:
            self.points[phase] = sea.run(1, phase, **request)["points"]
            self.dumps[phase] = sea.dump(1)
            self.keys[phase] = sea.keys(1)

    def kept(self, phase: int, table: str, number: int) -> set[Any]:
        """Return the keys that are there before a phase and after it."""
        both = self.keys[phase - 1].get(table, set()) & self.keys[phase][table]
        return {k.replace(":1:", f":{number}:") if isinstance(k, str) else k for k in both}


def differences(found: dict[str, list[Any]], wanted: dict[str, list[Any]]) -> list[str]:
    """Return what differs, a few rows of each table."""
    told = []
    for table, rows in wanted.items():
        if found[table] != rows:
            missing = [row for row in rows if row not in found[table]]
            extra = [row for row in found[table] if row not in rows]
            told.append(
                f"{table}: {len(found[table])} of {len(rows)} rows, missing {missing[:2]}, "
                f"too many {extra[:2]}"
            )
    return told


def kill_and_resume(
    sea: Sea, calm: Undisturbed, number: int, kills: dict[int, list[int]], **request: Any
) -> None:
    """Run all phases, each killed at its points and resumed, and compare after each."""
    for phase in PHASES:
        asked = 0
        for kill in kills[phase]:
            ended = sea.run(number, phase, kill=kill, **request)
            asked += ended["asked"]
            seen = sea.keys(number)
            for table, keys in seen.items():
                lost = calm.kept(phase, table, number) - keys
                assert not lost, f"phase {phase}, killed at {kill}: readers miss {list(lost)[:3]}"
        asked += sea.run(number, phase, **request)["asked"]
        where = f"phase {phase}, killed at {kills[phase]}"
        assert differences(sea.dump(number), calm.dumps[phase]) == [], where
        advances = request.get("options", {}).get("advance", True)
        if advances and phase < 3:
            new = len(world.log(phase, world.SIZE)) - (world.SIZE if phase == 2 else 0)
            assert asked <= new + BATCH * len(kills[phase]), where


def spread(total: int, samples: int, nth: int) -> int:
    """Return one of so many failpoints spread over a run."""
    return 1 + (nth * total) // samples + nth % 3


def test_killed_run_that_is_started_again_leaves_the_same_tables(sea: Sea) -> None:
    calm = Undisturbed(sea)
    samples = SAMPLES[sea.store.dialect]
    for nth in range(samples):
        kills = {p: [spread(calm.points[p], samples, nth)] for p in PHASES}
        kill_and_resume(sea, calm, 2 + nth, kills)


def test_run_killed_again_while_it_recovers_leaves_the_same_tables(sea: Sea) -> None:
    calm = Undisturbed(sea)
    samples = {"sqlite": 3}.get(sea.store.dialect, 1)
    for nth in range(samples):
        kills = {
            p: [1 + calm.points[p] * (nth + 1) // (samples + 1), calm.points[p] * (nth + 1) // 7]
            for p in PHASES
        }
        kill_and_resume(sea, calm, 2 + nth, kills)


def test_killed_full_passes_of_a_tool_without_positions_leave_the_same_tables(
    sea: Sea,
) -> None:
    request: dict[str, Any] = {"options": {"advance": False}}
    calm = Undisturbed(sea, **request)
    samples = {"sqlite": 3}.get(sea.store.dialect, 1)
    for nth in range(samples):
        kills = {p: [spread(calm.points[p], samples + 1, nth + 1)] for p in PHASES}
        kill_and_resume(sea, calm, 2 + nth, kills, **request)


def test_killed_full_refresh_is_cleaned_up_by_the_next_plain_run(sea: Sea) -> None:
    calm = Undisturbed(sea)
    samples = {"sqlite": 4}.get(sea.store.dialect, 1)
    # The refresh of the comments may not have begun when the run is killed.
    wanted = {t: rows for t, rows in calm.dumps[3].items() if "comment" not in t}
    del wanted["world_events"]
    for nth in range(samples):
        number = 2 + nth
        sea.run(number, 1)
        sea.run(number, 2)
        kill = 10 + spread(calm.points[3], samples * 2, nth)
        assert sea.run(number, 3, kill=kill)["code"] == -9
        sea.run(number, 3, options={"fullSync": False})
        assert differences(sea.dump(number), wanted) == [], f"killed at {kill}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("advance", [True, False])
def test_failpoints_of_every_phase(sea: Sea, advance: bool) -> None:
    request: dict[str, Any] = {"options": {"advance": advance}}
    calm = Undisturbed(sea, **request)
    for kill in range(1, max(calm.points.values()) + 1, STRIDES[sea.store.dialect]):
        kills = {p: [kill] if kill <= calm.points[p] else [] for p in PHASES}
        kill_and_resume(sea, calm, 1 + kill, kills, **request)
        sea.forget(1 + kill)


def test_three_thousand_records_with_batches_as_they_are(sea: Sea) -> None:
    request: dict[str, Any] = {"size": 3000, "batch": 0}
    calm = Undisturbed(sea, **request)
    for phase in PHASES:
        middle = calm.points[phase] // 2
        assert sea.run(2, phase, kill=middle, **request)["code"] == -9
        sea.run(2, phase, **request)
        assert differences(sea.dump(2), calm.dumps[phase]) == []
