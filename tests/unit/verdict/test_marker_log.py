"""A marker log is a gate: it passes only if it is whole, in order, and says itself that every test passed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayos_model.errors import BadInput
from rayos_model.verdict.marker_log import LogJudge, judge_file, judge_lines

GOOD = """\
RAYOS_BOOT:1.0.0:256
RAYOS_SOAK:START:2:5
RAYOS_SOAK:CLIENT_CREATED:0
RAYOS_SOAK:CLIENT_CREATED:1
RAYOS_SOAK:METRICS_SNAPSHOT:1:2:3:60
RAYOS_SOAK:CLIENT_DESTROYED:0
RAYOS_SOAK:CLIENT_DESTROYED:1
RAYOS_SOAK:COMPLETE:pass
""".splitlines()
STRESS = ["RAYOS_STRESS:START:cpu:1", "RAYOS_STRESS:LATENCY_SAMPLE:900", "RAYOS_STRESS:COMPLETE:pass"]
FAULT = [
    "RAYOS_FAILURE:INJECT:client_crash:3",
    "RAYOS_FAILURE:DETECTED:crash:3",
    "RAYOS_FAILURE:RECOVERY_START:3",
    "RAYOS_FAILURE:RECOVERY_COMPLETE:3:success",
    "RAYOS_FAILURE:TEST_COMPLETE:pass",
]


def problems(lines: list[str], expect: str = "pass") -> list[str]:
    return [str(problem) for problem in judge_lines(lines).against("fail" if expect == "fail" else "pass")]


def edited(lines: list[str], at: int, *instead: str) -> list[str]:
    return [*lines[:at], *instead, *lines[at + 1 :]]


@pytest.mark.parametrize("log", [GOOD, STRESS, FAULT, GOOD + STRESS, [*FAULT[:4], *FAULT]], ids=str)
def test_a_whole_log_that_says_pass_has_no_problem(log: list[str]) -> None:
    assert problems(log) == []
    assert judge_lines(log).complete


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (edited(GOOD, 7, "RAYOS_SOAK:COMPLETE:fail"), "line 8: RAYOS_SOAK:COMPLETE:fail"),
        (GOOD[:7], "line 7: the log ends without RAYOS_SOAK:COMPLETE"),
        ([*GOOD, "RAYOS_SOAK:COMPLETE:fail"], "line 9: RAYOS_SOAK:COMPLETE again after line 8"),
        ([*GOOD, *GOOD[1:]], "line 9: RAYOS_SOAK:START again after line 2: two runs in one log"),
        ([*GOOD, GOOD[4]], "line 9: RAYOS_SOAK:METRICS_SNAPSHOT after RAYOS_SOAK:COMPLETE (line 8)"),
        (GOOD[2:], "line 1: RAYOS_SOAK:CLIENT_CREATED before RAYOS_SOAK:START"),
        (edited(GOOD, 6), "line 4: client 1 created, but never destroyed"),
        (edited(edited(GOOD, 6), 3), "line 2: START announced 2 clients, 1 were created"),
        (edited(GOOD, 4, "RAYOS_PANIC:out of memory"), "line 5: the system panicked: RAYOS_PANIC:out of memory"),
        (edited(GOOD, 4, "PANIC: kernel panic"), "line 5: the system panicked: PANIC: kernel panic"),
        (edited(GOOD, 4, "thread 'main' panicked at src/lib.rs:3"), "line 5: the system panicked"),
        (
            edited(GOOD, 4, "ticks=42RAYOS_SOAK:METRICS_SNAPSHOT:1:2:3:4"),
            "line 5: a marker that is glued to 'ticks=42'",
        ),
        (edited(GOOD, 1, f"RAYOS_SOAK:START:2:{'9' * 5000}"), "line 2: duration_sec must be a whole number"),
        (edited(GOOD, 2, "RAYOS_SOAK:CLIENT_CREATED:٣"), "line 3: id must be a whole number"),
        (STRESS[1:], "line 1: RAYOS_STRESS:LATENCY_SAMPLE before RAYOS_STRESS:START"),
        (STRESS[:2], "line 2: the log ends without RAYOS_STRESS:COMPLETE"),
        (FAULT[1:], "line 1: RAYOS_FAILURE:DETECTED:crash:3 without RAYOS_FAILURE:INJECT"),
        (edited(FAULT, 1), "line 2: RAYOS_FAILURE:RECOVERY_START:3 without RAYOS_FAILURE:DETECTED"),
        (edited(FAULT, 3), "line 1: the fault injected into 3 was never recovered from"),
        (
            edited(FAULT, 3, "RAYOS_FAILURE:RECOVERY_COMPLETE:3:timeout"),
            "line 4: RAYOS_FAILURE:RECOVERY_COMPLETE:3:timeout",
        ),
        (["hello"], "the log has no known marker"),
        (["RAYOS_BOOT:1.0"], "no test in the log reports a result"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_lack_is_a_problem_with_its_line(log: list[str], expected: str) -> None:
    found = problems(log)
    assert any(problem.startswith(expected) for problem in found), found


@pytest.mark.parametrize("chatter", ["0 panics so far", "panic=1", "no kernel panic", "on_panic handler installed"])
def test_a_word_about_panics_is_no_panic(chatter: str) -> None:
    assert problems([chatter, *GOOD]) == []


def test_an_expected_failure_passes_only_where_there_is_one() -> None:
    failed = edited(GOOD, 7, "RAYOS_SOAK:COMPLETE:fail")
    assert problems(failed, "fail") == []
    assert problems(GOOD, "fail") == ["expected a failure, but every test in the log reports a pass"]
    assert problems([*failed, GOOD[4]], "fail") != []  # a failed test is no excuse for disorder


def test_a_required_family_must_be_there() -> None:
    judge = judge_lines(GOOD)
    assert judge.against("pass", ["SOAK", "rayos_soak"]) == []
    assert [str(one) for one in judge.against("pass", ["STRESS"])] == ["the log has no marker of RAYOS_STRESS"]
    with pytest.raises(BadInput, match="expected one of SOAK, STRESS"):
        judge.against("pass", ["SOKA"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the log is empty"),
        ("\n".join(GOOD).encode("utf-16"), "UTF-16"),
        ("\n".join(GOOD).encode("utf-16-le"), "binary data"),
        (b"\x1f\x8b\x08\x00" + b"x" * 99, "gzip data"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 9, "binary data"),
    ],
    ids=["empty", "UTF-16", "UTF-16 without a mark", "gzip", "ELF"],
)
def test_a_file_that_is_no_text_has_that_as_its_problem(tmp_path: Path, content: bytes, expected: str) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(content)
    (problem,) = judge_file(log).against("pass")
    assert expected in str(problem)


def test_line_noise_does_not_make_a_log_binary(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"\xff\x00\x1b[2J" + "\r\n".join(GOOD).encode())
    assert judge_file(log).against("pass") == []


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the log"):
        judge_file(tmp_path / "none")


@given(st.lists(st.sampled_from([*GOOD, *STRESS, *FAULT, "RAYOS_SOAK:COMPLETE:fail", "x"]), max_size=12))
def test_any_order_of_lines_is_judged_alike_from_file_and_from_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    log = tmp_path_factory.mktemp("logs") / "a.log"
    log.write_text("\n".join(lines) + "\n")
    judge: LogJudge = judge_lines(lines)
    assert judge_file(log).problems == judge.problems
    assert judge.complete <= bool(judge.outcomes)
