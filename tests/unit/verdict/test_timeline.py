"""Rules about the order of moments: each form holds and breaks as it says, and a breach shows where."""

from __future__ import annotations

import numpy as np
import pytest

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.markers import parse
from rayos_model.errors import BadInput
from rayos_model.experiments.shrink import shrink
from rayos_model.harness.integration import SHIPPED
from rayos_model.scenario.builder import ScenarioBuilder, to_toml
from rayos_model.scenario.files import load, shipped
from rayos_model.scenario.files import parse as parse_scenario
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import NS, Constraint
from rayos_model.trace.parquet import record
from rayos_model.verdict.marker_log import judge_lines
from rayos_model.verdict.timeline import Moment, check, timeline


def moments(text: str) -> list[Moment]:
    """`"a b1 c"`: moments a second apart, named by the words."""
    return [Moment(second * NS, name) for second, name in enumerate(text.split())]


def rule(**keys: object) -> Constraint:
    return Constraint.model_validate({"first": "a", "then": "b", **keys})


@pytest.mark.parametrize(
    ("constraint", "text", "holds"),
    [
        (rule(), "a x b", True),
        (rule(), "b a", False),
        (rule(), "a", False),
        (rule(), "b", False),
        (rule(within_s=2), "a x b a b", True),
        (rule(within_s=1), "a x b", False),
        (rule(within_s=1), "a b a", False),
        (rule(within_s=1), "x", False),
        (rule(never="c*"), "c1 a b c2 a", True),
        (rule(never="c*"), "a c1 b", False),
        (rule(never="c*"), "a b a c1", False),
        (rule(never="c*"), "x", True),
    ],
)
def test_each_form_of_rule_holds_and_breaks(constraint: Constraint, text: str, holds: bool) -> None:
    assert (check([constraint], moments(text)) == []) is holds


def test_a_breach_shows_the_moments_around_it() -> None:
    (violation,) = check([rule(never="c")], moments("p q r s a x c y z w v"))
    assert [moment.name for moment in violation.slice] == ["q", "r", "s", "a", "x", "c", "y", "z", "w"]
    assert "never 'c' between 'a' and 'b': c occurred" in str(violation)
    assert "4.000000 s  a" in str(violation)


def test_a_long_breach_is_shown_without_its_middle() -> None:
    (violation,) = check([rule(within_s=3)], moments("a " + "x " * 100 + "b"))
    assert len(violation.slice) == 24
    assert violation.slice[0].name == "a"
    assert violation.slice[-1].name == "b"


def test_markers_get_their_times_from_the_trace() -> None:
    log = parse(
        "RAYOS_SOAK:START:1:5\nRAYOS_INTEGRATION:SCENARIO_START:x\nRAYOS_SOAK:CLIENT_CREATED:7\n"
        "RAYOS_INTEGRATION:MILESTONE:all windows shown\nRAYOS_SOAK:COMPLETE:pass\n"
    )
    records = np.concatenate(
        [
            record(0, TraceKind.M_BASELINE),
            record(1, TraceKind.M_MARKER, subject=0),
            record(2, TraceKind.M_CLIENT_CREATED, subject=7),
            record(3, TraceKind.M_COMMIT_TO_PRESENT, subject=7, arg=1),
            record(4, TraceKind.M_MARKER, subject=1),
        ]
    )
    assert [(moment.time_ns, moment.name) for moment in timeline(log, records)] == [
        (0, "SOAK:START:1:5"),
        (1, "INTEGRATION:SCENARIO_START:x"),
        (2, "SOAK:CLIENT_CREATED:7"),
        (3, "commit_to_present:7"),
        (4, "INTEGRATION:MILESTONE:all windows shown"),
    ]


# ---- building and writing scenarios ------------------------------------------------------------


def builder() -> ScenarioBuilder:
    return (
        ScenarioBuilder("film")
        .described('Says "hello", twice.')
        .lasting(8)
        .seeded(3)
        .machine(memory_mb=128)
        .display(width=800, height=600)
        .clients("media", named="player", surface=(320, 180), think={"dist": "exponential", "mean_us": 500})
        .clients("rendering", 4)
        .at(2, "fullscreen", "player")
        .at(3, "theme_change", value=1)
        .within(0.1, "INTEGRATION:MILESTONE:fullscreen 0 started", "INTEGRATION:MILESTONE:fullscreen 0 complete")
        .never("hang:*", "SOAK:START:*", "SOAK:COMPLETE:*")
        .before("flip", "SOAK:COMPLETE:*")
        .requires("frame_rate.min", ">= 55")
    )


def test_a_built_scenario_is_the_one_its_file_describes() -> None:
    assert parse_scenario(builder().to_toml()) == builder().build()
    assert builder().build().timeline[0].group == 0


@pytest.mark.parametrize("name", [*shipped(), *(f"calibration/{name}" for name in shipped("calibration"))])
def test_every_shipped_scenario_survives_being_written(name: str) -> None:
    assert parse_scenario(to_toml(load(name))) == load(name)


def test_a_wrong_step_is_one_clear_line() -> None:
    with pytest.raises(KeyError):
        builder().at(1, "maximize", "nobody")
    with pytest.raises(BadInput, match="even count"):
        ScenarioBuilder("odd").lasting(1).clients("clipboard", 3).build()
    with pytest.raises(BadInput, match="takes no value"):
        ScenarioBuilder("value").lasting(1).clients("idle").at(0.5, "close", value=2).build()


def test_the_suite_is_what_ships() -> None:
    assert {name for name in shipped() if load(name).kind == "integration"} == set(SHIPPED)


# ---- shrinking ---------------------------------------------------------------------------------


def test_a_failing_scenario_shrinks_to_what_makes_it_fail() -> None:
    """It fails as long as a clipboard pair and a theme change are in it, and two seconds pass."""

    def failures(scenario: Scenario) -> frozenset[str]:
        copies = any(group.workload == "clipboard" for group in scenario.clients)
        themes = any(event.action == "theme_change" for event in scenario.timeline)
        return frozenset({"verify.theme", "constraint"} if copies and themes and scenario.duration_s > 2 else ())

    what = load("desktop-workload")
    found = shrink(what, failures)
    assert found.failure == "verify.theme"
    assert failures(found.scenario)
    assert [(group.workload, group.count) for group in found.scenario.clients] == [("clipboard", 2)]
    assert [event.action for event in found.scenario.timeline] == ["theme_change"]
    assert found.scenario.duration_s < 5
    assert found.scenario.constraints == ()
    assert found.scenario.seed == what.seed


def test_rules_follow_their_events_as_others_go() -> None:
    """The second event's rule is the one that fails: the first event goes, and the rule is renumbered."""
    what = from_dict(
        {
            "name": "rules",
            "kind": "integration",
            "duration_s": 4,
            "clients": [{"workload": "idle"}],
            "timeline": [{"at_s": 1, "action": "maximize"}, {"at_s": 2, "action": "theme_change"}],
            "constraints": [
                {"first": "maximize 0 started", "then": "maximize 0 complete"},
                {"first": "theme_change 1 started", "then": "theme_change 1 complete"},
            ],
        }
    )

    def failures(scenario: Scenario) -> frozenset[str]:
        themes = [i for i, event in enumerate(scenario.timeline) if event.action == "theme_change"]
        rules = [rule.first for rule in scenario.constraints]
        return frozenset({"constraint"} if themes and f"theme_change {themes[0]} started" in rules else ())

    found = shrink(what, failures)
    assert [event.action for event in found.scenario.timeline] == ["theme_change"]
    assert [rule.first for rule in found.scenario.constraints] == ["theme_change 0 started"]


def test_what_does_not_fail_is_not_shrunk() -> None:
    with pytest.raises(BadInput, match="nothing to shrink"):
        shrink(load("demo"), lambda _: frozenset())


# ---- the log alone ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("SCENARIO_START:x MILESTONE:m VERIFY:a:pass SCENARIO_COMPLETE:x:pass", None),
        ("SCENARIO_START:x VERIFY:a:fail SCENARIO_COMPLETE:x:fail", "reports a failure"),
        ("SCENARIO_START:x VERIFY:a:fail SCENARIO_COMPLETE:x:pass", "passes, but a check failed"),
        ("SCENARIO_START:x SCENARIO_COMPLETE:y:pass", "but x was started"),
        ("SCENARIO_START:x SCENARIO_START:y SCENARIO_COMPLETE:y:pass", "before x is complete"),
        ("MILESTONE:m", "before RAYOS_INTEGRATION:SCENARIO_START"),
        ("SCENARIO_START:x", "the log ends without"),
    ],
)
def test_the_order_of_integration_markers_is_checked(lines: str, problem: str | None) -> None:
    problems = [str(one) for one in judge_lines(f"RAYOS_INTEGRATION:{line}" for line in lines.split()).problems]
    assert bool(problems) == (problem is not None)
    assert problem is None or any(problem in one for one in problems)
