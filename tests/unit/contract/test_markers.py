"""The log reader keeps reading and loses nothing; what the writer writes, the reader reads."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rayos_model.contract import markers
from rayos_model.contract.markers import (
    GRAMMAR,
    Chatter,
    Malformed,
    Marker,
    Unknown,
    format_marker,
    parse,
)

words = st.from_regex(r"\A[A-Za-z0-9_.-]{1,12}\Z").filter(lambda text: "RAYOS_" not in text)
texts = st.from_regex(r"\A[A-Za-z0-9(][A-Za-z0-9 ,.:()/-]{0,20}[A-Za-z0-9)]\Z").filter(
    lambda text: "RAYOS_" not in text
)
BY_TYPE = {
    markers.COUNT: st.integers(0, 10**18 - 1),
    markers.SECONDS: st.integers(0, 10**10 - 1),
    markers.NUMBER: st.floats(-1e9, 1e9).map(lambda number: round(number, 6)),
    markers.WORD: words,
    markers.TEXT: texts,
    markers.VERDICT: st.sampled_from(["pass", "fail"]),
    markers.OUTCOME: st.sampled_from(["success", "timeout"]),
}
any_marker = st.sampled_from(sorted(GRAMMAR)).flatmap(
    lambda name: st.tuples(*(BY_TYPE[kind] for _, kind in GRAMMAR[name])).map(lambda values: Marker(name, values))
)


@given(any_marker)
def test_what_is_written_is_read(marker: Marker) -> None:
    (item,) = parse(str(marker)).items
    assert isinstance(item, Marker)
    assert (item.name, item.values, item.line) == (marker.name, marker.values, 1)


@given(st.lists(any_marker, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_line_ends_and_colours_do_not_matter(written: list[Marker], end: str) -> None:
    text = "".join(f"\x1b[1;32m[ok]\x1b[0m {marker}\x1b[0m{end}" for marker in written)
    assert [marker.values for marker in parse(text).markers] == [marker.values for marker in written]
    assert [marker.line for marker in parse(text).markers] == list(range(1, len(written) + 1))


@given(st.text())
@example("RAYOS_SOAK:START:4:60RAYOS_SOAK:COMPLETE:pass")
@example("[RAYOS_X:Y] RAYOS_SOAK:")
@example("RAYOS_BOOT")
def test_any_text_is_read_and_nothing_is_lost(text: str) -> None:
    read = parse(text).items
    kept = "".join(str(item) if isinstance(item, Marker) else item.text for item in read)
    plain = re.sub(r"\s|\0|:", "", markers._ANSI.sub("", text))
    assert re.sub(r"\s|\0|:", "", kept) == plain


def test_several_markers_share_a_line_with_chatter() -> None:
    log = parse("boot RAYOS_SOAK:START:4:60 ok RAYOS_SOAK:CLIENT_CREATED:3 [RAYOS_SURFACE:COMMIT] surface_id=3\r\n")
    assert log.items == (
        Chatter("boot", 1),
        Marker("RAYOS_SOAK:START", (4, 60), 1),
        Chatter("ok", 1),
        Marker("RAYOS_SOAK:CLIENT_CREATED", (3,), 1),
        Unknown("RAYOS_SURFACE", "[RAYOS_SURFACE:COMMIT] surface_id=3", 1),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("RAYOS_SOAK:START:4", "duration_sec is missing"),
        ("RAYOS_SOAK:START:four:60", "clients must be a whole number of at most 18 digits, got 'four'"),
        ("RAYOS_SOAK:COMPLETE:passed", "result must be pass or fail, got 'passed'"),
        ("RAYOS_SOAK:COMPLETE:pass:1", "more than 1 fields"),
        ("RAYOS_SOAK:BEGIN:1", "RAYOS_SOAK has no event 'BEGIN'"),
        ("RAYOS_FAILURE:INJECT:", "scenario must be a word, got ''"),
    ],
)
def test_malformed_known_markers_are_reported_with_their_line(text: str, reason: str) -> None:
    log = parse(f"chatter\n\n{text}\nRAYOS_SOAK:COMPLETE:pass")
    assert log.malformed == [Malformed(text, reason, 3)]
    assert len(log.named("RAYOS_SOAK:COMPLETE")) == 1


def test_panics_and_boot_lines_are_known() -> None:
    log = parse("RAYOS_BOOT\nRAYOS_PANIC:hang:compositor at 5 s\nRAYOS_DIAG:cpu 0\n")
    assert [(marker.name, marker.values) for marker in log.markers] == [
        ("RAYOS_BOOT", ()),
        ("RAYOS_PANIC", ("hang:compositor at 5 s",)),
        ("RAYOS_DIAG", ("cpu 0",)),
    ]


def test_the_writer_refuses_what_the_reader_would() -> None:
    for name, values in [
        ("RAYOS_SOAK:STOP", ()),
        ("RAYOS_SOAK:START", (1,)),
        ("RAYOS_SOAK:START", ("a", 1)),
        ("RAYOS_PERF:PROFILE_START", ("two words",)),
        ("RAYOS_INTEGRATION:MILESTONE", ("line\nbreak",)),
        ("RAYOS_INTEGRATION:MILESTONE", ("RAYOS_SOAK:COMPLETE:pass",)),
    ]:
        with pytest.raises(ValueError):
            format_marker(name, *values)


def test_fields_have_names() -> None:
    (marker,) = parse("RAYOS_SOAK:METRICS_SNAPSHOT:12:3400:5600:60").markers
    assert (marker["cpup"], marker["mem_kb"], marker["latency_us"], marker["fps"]) == (12, 3400, 5600, 60)
    with pytest.raises(KeyError):
        marker["gpu"]


def test_the_grammar_holds_every_marker_of_the_specification() -> None:
    """The 24 markers of the five families, as SPEC.md lists them."""
    families = {"SOAK": 5, "STRESS": 5, "FAILURE": 5, "PERF": 5, "INTEGRATION": 4}
    for family, count in families.items():
        assert sum(name.startswith(f"RAYOS_{family}:") for name in GRAMMAR) == count
