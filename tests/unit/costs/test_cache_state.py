"""In what circumstances a segment is passed: from a trace and from a walk alike; what is taken for unknown ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.calibration.cache_classes import cache_classes
from rayos_model.costs.cache_state import CACHE_STATES, NOT_SET, CacheState, by_cache_state
from rayos_model.costs.parameters import PROBABILITIES
from rayos_model.hardware import KernelSystem
from rayos_model.model.system import simulate
from rayos_model.run.system import execute
from rayos_model.scenario import files
from rayos_model.trace.segments import segments

MS = 1_000_000
COMPOSITOR, CLIENT, OTHER = 2, 16, 17


def classes(*rows: tuple[str, int, int, int, int]) -> list[str]:
    """Of a table of (pair, thread, time_ns, cpu_ns, dispatches), with a quantum of 10 ms."""
    table = pd.DataFrame(rows, columns=["pair", "thread", "time_ns", "cpu_ns", "dispatches"])
    return cache_classes(table, 10 * MS)["cache_state"].tolist()


def test_a_class_says_how_long_ago_and_whether_another_address_space_was_loaded_since() -> None:
    a, b = ("client.a>b", CLIENT), ("client.a>b", OTHER)
    rows = [(*a, 0), (*a, 100_000), (*a, 2 * MS), (*b, 3 * MS), (*b, 4 * MS), (*a, 14 * MS)]
    assert classes(*((*row, 10, 0) for row in rows)) == [
        "first",
        "0.3ms",
        "3ms",
        "flushed,3ms",
        "3ms",
        "flushed,longer",
    ]


def test_threads_of_the_kernel_run_in_the_address_space_that_is_loaded() -> None:
    rows = [("client.a>b", CLIENT), ("compositor.c>d", COMPOSITOR), ("client.a>b", CLIENT)]
    assert classes(*((*row, n * MS, 10, 0) for n, row in enumerate(rows))) == ["first", "first", "3ms"]


def test_a_client_that_blocked_comes_back_to_its_own_address_space_or_not_and_soon_or_late() -> None:
    """Others have passed the same points meanwhile, which tells how warm the code is, not the client's pages."""
    a, b = (("client.block>receive", thread) for thread in (CLIENT, OTHER))
    rows = [(*a, 0), (*a, 100_000), (*b, 200_000), (*b, 3 * MS), (*a, 3_020_000), (*a, 3_100_000)]
    assert classes(*((*row, 10, 0) for row in rows)) == [
        "first",
        "0.3ms",
        "cold,flushed,0.3ms",
        "cold,3ms",
        "cold,flushed,0.04ms",
        "0.3ms",
    ]


def test_liveliness_counts_the_points_of_the_last_millisecond_on_a_processor() -> None:
    passed, found = CacheState(), []
    for at in (0, 0, 0, MS, 50 * MS):
        passed.pass_by("client.a>b", CLIENT, at, 0)
        found.append(10**passed.activity - 1)
    assert found == pytest.approx([0, 1, 2, 3 / 2.718282, 0], abs=1e-6)
    passed.pass_by("client.a>b", CLIENT, 50 * MS, 0, processor=1)
    assert passed.activity == 0


def test_other_processors_have_seen_nothing_but_the_code() -> None:
    passed = CacheState()
    found = [passed.pass_by("compositor.c>d", COMPOSITOR, at * 1000, 0, processor=at % 2) for at in range(4)]
    assert [CACHE_STATES[one] for one in found] == ["first", "flushed,longer", "0.04ms", "0.04ms"]


def test_the_timer_is_set_for_the_compositor_if_it_slept_until_the_earliest_instant() -> None:
    """It waits for 20 ms, and a client that sends wakes it; another client sleeps until 30 ms, or 15 ms."""
    taken = []
    for other in (30, 15):
        rows = [
            *(("compositor.c>block", COMPOSITOR, 1 * MS, 10, 0), ("compositor.block>take", COMPOSITOR, 2 * MS, 10, 1)),
            *(("client.x>block", OTHER, 3 * MS, 10, 1), ("compositor.take>block", COMPOSITOR, 4 * MS, 10, 1)),
            *(("client.x>send", CLIENT, 5 * MS, 10, 1), ("compositor.block>take", COMPOSITOR, 14 * MS, 10, 1)),
            *(
                ("client.block>wake", OTHER, other * MS, 10, 1),
                ("compositor.block>repaint", COMPOSITOR, 20 * MS, 10, 1),
            ),
        ]
        taken.append(classes(*(rows if other < 20 else [*rows[:6], rows[7], rows[6]]))[5])
    assert taken == ["timer,flushed,longer", "flushed,longer"]


def test_a_client_that_was_blocked_sets_the_timer_after_the_point_it_comes_to() -> None:
    passed = CacheState()
    walk = [("client.block>receive", MS), ("client.receive>block", NOT_SET), ("client.block>receive", NOT_SET)]
    found = [passed.pass_by(pair, CLIENT, 0, 0, timer_ns) for pair, timer_ns in walk]
    found += [
        passed.pass_by(pair, CLIENT, 0, 0, timer_ns if timer_ns == NOT_SET else 2 * MS) for pair, timer_ns in walk
    ]
    assert [CACHE_STATES[one] for one in found[3:]] == ["0.04ms", "timer,0.04ms", "0.04ms"]


def test_setting_the_timer_again_at_once_wakes_nobody() -> None:
    passed = CacheState()
    instants = (1_000_000, 1_010_000, 1_030_000, 1_070_000)
    found = [passed.pass_by("compositor.block>take", COMPOSITOR, at, 0, at) for at in instants]
    assert [CACHE_STATES[one] for one in found] == ["first", "0.04ms", "0.04ms", "timer,0.3ms"]


def test_classes_that_were_not_seen_often_take_the_nearest() -> None:
    known = {
        name: (float(n),)
        for n, name in enumerate(CACHE_STATES)
        if name in ("flushed,0.3ms", "longer", "flushed,longer")
    }
    general = (-1.0,)
    found = dict(zip(CACHE_STATES, by_cache_state(known, general), strict=True))
    assert found["first"] == found["timer,longer"] == general
    assert found["0.3ms"] == found["cold,0.3ms"] == known["longer"]
    assert found["flushed,3ms"] in (known["flushed,0.3ms"], known["flushed,longer"])
    assert by_cache_state({}, general) == (general,) * len(CACHE_STATES)


def test_a_walk_meets_the_circumstances_that_a_trace_of_the_same_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both systems do the same under icount: what differs is until when who sleeps, which a trace tells afterwards."""
    what = files.load_shipped("mixed-16").with_overrides(duration_s=2)
    table = segments(execute(KernelSystem("icount", trace_points=True), what, tmp_path / "kernel").trace())
    warmth = cache_classes(table, what.machine.quantum_us * 1000)["cache_state"]
    seen = Counter(zip(table["pair"], warmth, strict=True))
    walked: Counter[tuple[str, str]] = Counter()
    pass_by = CacheState.pass_by

    def note(self: CacheState, pair: str, *circumstances: Any) -> int:
        found = pass_by(self, pair, *circumstances)
        walked[pair, CACHE_STATES[found]] += 1
        return found

    monkeypatch.setattr(CacheState, "pass_by", note)
    parameters = load_calibration("icount")
    always = (parameters.scheduling.idle_wake_ns,) * len(PROBABILITIES)
    scheduling = parameters.scheduling.model_copy(update={"idle_wake_spread_ns": always})
    simulate(what, parameters.model_copy(update={"scheduling": scheduling}))
    differing = sum(abs(seen[one] - walked[one]) for one in seen | walked) / 2
    assert differing < 0.02 * seen.total()  # 0.9 % in 5 s
