"""Any image that prints the markers is booted, read and checked; one that does not fails with one clear line."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from rayos_model.cli import app as cli
from rayos_model.contract.markers import parse
from rayos_model.errors import BadInput
from rayos_model.hardware import build_kernel, failures, foreign
from rayos_model.run.run import Run

UNTIDY = (
    "booting\r\n\x1b[32mRAYOS_BOOT\x1b[0m:other 2.0\r\n[12] mem ok RAYOS_SOAK:START:2:3\r\n"
    "RAYOS_SOAK:CLIENT_CREATED:0\r\n[RAYOS_SURFACE:COMMIT] surface_id=3 buffer_id=7\r\nRAYOS_SOAK:CLIENT_CREATED:1\r\n"
    "RAYOS_SOAK:METRICS_SNAPSHOT:10:2048:900:60\r\nRAYOS_SOAK:METRICS_SNAPSHOT:30:4096:1100:58\r\n"
    "RAYOS_SOAK:CLIENT_DESTROYED:0\r\nRAYOS_SOAK:CLIENT_DESTROYED:1\r\nRAYOS_SOAK:COMPLETE:pass\r\n"
)


def boot_sector(text: str) -> bytes:
    """Sixteen-bit code that writes `text` to the first serial port and halts; the text follows in the next sectors."""
    # The firmware loads one sector: read eight more to 0x7e00 (int 13h, extended read), then print from there.
    packet = struct.pack("<BBHHHQ", 16, 0, 8, 0x7E00, 0, 1)
    code = bytes.fromhex(
        "31c0 8ed8 8ec0"  # ds = es = 0
        "be 407c b442 cd13"  # si = the packet, extended read
        "be 007e fc"  # si = the text
        "ac 84c0 7406 baf803 ee ebf5"  # bytes to port 0x3f8 until a zero
        "f4 ebfd"  # halt
    )
    sector = (code.ljust(0x40, b"\0") + packet).ljust(510, b"\0") + b"\x55\xaa"
    return (sector + text.encode("ascii")).ljust(512 * 16, b"\0")


def iso(text: str) -> bytes:
    """A bootable CD (El Torito, no emulation) whose four boot sectors print `text`."""
    code = bytes.fromhex("31c0 8ed8 be 207c fc ac 84c0 7406 baf803 ee ebf5 f4 ebfd")
    image = (code.ljust(0x20, b"\0") + text.encode("ascii")).ljust(2048, b"\0")
    volume = b"\x01CD001\x01\0" + b" " * 32 + b"RAYOS".ljust(32)
    record = b"\0CD001\x01EL TORITO SPECIFICATION".ljust(71, b"\0") + struct.pack("<I", 19)
    validation = b"\x01\0\0\0" + b"\0" * 24 + b"\0\0\x55\xaa"
    total = sum(struct.unpack("<16H", validation)) & 0xFFFF
    validation = validation[:28] + struct.pack("<H", -total & 0xFFFF) + validation[30:]
    entry = struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, 20).ljust(32, b"\0")
    sectors = [b""] * 16 + [volume, record, b"\xffCD001\x01", validation + entry, image]
    return b"".join(sector.ljust(2048, b"\0") for sector in sectors).ljust(2048 * 64, b"\0")


def booted(tmp_path: Path, data: bytes, timeout_s: float = 30) -> Run:
    path = tmp_path / "other kernel.img"
    path.write_bytes(data)
    return foreign.run_image(path, tmp_path / "run", timeout_s)


@pytest.mark.parametrize("make", [boot_sector, iso])
def test_an_untidy_log_is_kept_and_judged(make: type, tmp_path: Path) -> None:
    run = booted(tmp_path, make(UNTIDY))
    assert run.passed, run.verdicts
    assert (run.system, run.platform, run.scenario.name) == ("image", "image", "other-kernel")
    assert (run.scenario.client_count, run.scenario.duration_s) == (2, 3)
    assert {name: value.value for name, value in run.metrics.values.items()} == {
        "cpu.mean": 20,
        "cpu.max": 30,
        "memory.peak": 4096,
        "frame_rate.mean": 59,
        "frame_rate.min": 58,
        "frame_rate.max": 60,
    }, "what a log does not tell is absent"
    log = parse(run.markers())
    assert [item.family for item in log.unknown] == ["RAYOS_SURFACE"]
    assert len(log.named("RAYOS_SOAK:CLIENT_CREATED")) == 2
    assert Run.load(run.path) == run


def test_a_malformed_marker_fails_the_run(tmp_path: Path) -> None:
    run = booted(tmp_path, boot_sector(UNTIDY.replace("SNAPSHOT:10", "SNAPSHOT:many")))
    assert not run.passed
    assert next(verdict for verdict in run.verdicts if verdict.metric == "markers.problems").ok is False


def test_a_log_without_its_end_fails_the_run(tmp_path: Path) -> None:
    run = booted(tmp_path, boot_sector(UNTIDY.partition("RAYOS_SOAK:COMPLETE")[0]), timeout_s=6)
    assert {verdict.metric for verdict in run.verdicts if not verdict.ok} == {"complete"}


def test_a_silent_image_is_a_boot_hang(tmp_path: Path) -> None:
    with pytest.raises(failures.BootHang, match=r"no RAYOS_ line .* last line: 'hello'"):
        booted(tmp_path, boot_sector("hello"), timeout_s=4)
    assert not (tmp_path / "run").exists()


def test_a_panic_fails_the_run(tmp_path: Path) -> None:
    """This package's own kernel, booted as a stranger: it finds no scenario."""
    run = foreign.run_image(Path(build_kernel().path), tmp_path / "run", 20)
    assert "RAYOS_PANIC:scenario:missing" in run.markers()
    assert run.provenance["ended_by"] == "panic"
    assert not run.passed


def test_a_panic_in_other_words_fails_a_run_that_passed_before(tmp_path: Path) -> None:
    run = booted(tmp_path, boot_sector(UNTIDY + "PANIC: kernel panic in idle\r\n"))
    assert not run.passed


def test_a_path_is_never_an_option_of_qemu(tmp_path: Path) -> None:
    path = tmp_path / "a,snapshot=off,file=b.img"
    path.write_bytes(boot_sector(UNTIDY))
    assert foreign.run_image(path, tmp_path / "run", 30).passed


def test_claims_beyond_any_bound_lose_no_run(tmp_path: Path) -> None:
    run = booted(tmp_path, boot_sector(UNTIDY.replace("START:2:3", "START:2:99999999")))
    assert run.scenario.duration_s == 30 * 86_400


def test_a_failure_log_is_complete_without_a_soak(tmp_path: Path) -> None:
    lines = [
        "INJECT:crash:1",
        "DETECTED:crash:1",
        "RECOVERY_START:1",
        "RECOVERY_COMPLETE:1:success",
        "TEST_COMPLETE:pass",
    ]
    text = "".join(f"RAYOS_FAILURE:{line}\r\n" for line in lines)
    run = booted(tmp_path, boot_sector(text))
    assert run.passed, (run.verdicts, run.markers())


def test_what_cannot_boot_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not an image")
    for path, why in ((tmp_path / "text", "expected an ISO"), (tmp_path / "nowhere", "cannot read")):
        with pytest.raises(BadInput, match=why):
            foreign.run_image(path)


@pytest.mark.parametrize("arguments", [["demo", "--image", "x"], ["--on", "model"], ["demo"]])
def test_contradictory_options_are_one_clear_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rayos", "run", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
