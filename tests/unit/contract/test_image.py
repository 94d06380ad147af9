"""The image holds the whole scenario: what is packed is read back, damage is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayos_model.contract import abi
from rayos_model.contract.image import Disk, Event, Fault, Group, Image, Load, Network, Settings, parse_image
from rayos_model.scenario import files
from rayos_model.scenario.compile import build_image, compile_image

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
settings_of = st.builds(Settings, *[u64] * 11, *[u32] * 18, names)
groups = st.builds(Group, *[u64] * 4, *[u32] * 10)
faults = st.builds(Fault, *[u64] * 4, *[u32] * 5)
tables = st.tuples(u64, u64).map(lambda ends: (ends[0],) * (abi.QUANTILES - 1) + (ends[1],))
events = st.builds(Event, u64, *[u32] * 4)
loads = st.builds(Load, *[u64] * 2, *[u32] * 5, st.lists(u32, max_size=abi.LOAD_STEPS).map(tuple))
disks = st.builds(Disk, *[u64] * 2, *[u32] * 3)
networks = st.builds(Network, *[u64] * 3)
images = st.builds(
    Image,
    settings_of,
    loads,
    disks,
    networks,
    st.lists(groups, max_size=5).map(tuple),
    st.lists(faults, max_size=3).map(tuple),
    st.lists(events, max_size=3).map(tuple),
    st.lists(tables, max_size=3).map(tuple),
)


@given(images)
@settings(deadline=None, max_examples=50)
def test_an_image_survives_packing(image: Image) -> None:
    assert parse_image(image.pack()) == image


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_any_flipped_bit_is_noticed(data: st.DataObject) -> None:
    packed = bytearray(compile_image(files.load("demo")))
    # A word of the header that is reserved is read by nobody.
    at = data.draw(st.integers(0, len(packed) - 1).filter(lambda i: not 36 <= i < 40))
    packed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match="image"):
        parse_image(bytes(packed))


def test_a_scenario_compiles_to_what_it_says() -> None:
    image = build_image(files.load("soak-64"), trace_points=True, provoke=abi.Provocation.LEAK)
    assert (image.settings.trace_points, image.settings.provoke, image.settings.name) == (1, 6 - 3, "soak-64")
    assert image.settings.refresh_millihertz == 60_000
    assert [group.count for group in image.groups] == [24, 16, 8, 8, 8]
    assert [group.first_client for group in image.groups] == [0, 24, 40, 48, 56]
    assert image.group_of(40).workload == abi.Workload.SURFACE_CREATION
    assert image.client_count == 64
    typing = image.groups[1]
    assert (typing.period_ns, typing.damage_ppm) == (100_000_000, 250_000)
    assert image.tables[image.groups[2].gap_table][0] == 1_000_000_000


def test_equal_tables_are_kept_once() -> None:
    image = build_image(files.load("soak-4"))
    assert len(image.tables) == 1


def test_a_client_at_the_displays_rate_has_the_displays_period() -> None:
    """Else rounding would pace it by its own clock, one nanosecond slower than the display."""
    image = build_image(files.load("soak-1"))
    assert image.groups[0].period_ns == 10**12 // image.settings.refresh_millihertz


def test_the_same_scenario_compiles_to_the_same_bytes() -> None:
    assert compile_image(files.load("mixed-16")) == compile_image(files.load("mixed-16"))
