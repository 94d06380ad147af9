"""Building the kernel: the same bits wherever it is built, once, and one clear line where it does not compile."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rayos_model import hardware
from rayos_model.hardware import failures
from rayos_model.toolchain import kernel_build
from rayos_model.toolchain.cache import default_cache


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's sources in another folder, from which `build_kernel` then builds."""
    copy = tmp_path / "a folder of another name" / "sources"
    shutil.copytree(kernel_build.kernel_sources(), copy)
    monkeypatch.setattr(kernel_build, "kernel_sources", lambda: copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return copy


def test_another_folder_builds_the_same_bits(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = kernel_build.build_kernel(tmp_path / "cache here")
    other = shutil.copytree(sources, tmp_path / "b")
    monkeypatch.setattr(kernel_build, "kernel_sources", lambda: other)
    there = kernel_build.build_kernel(tmp_path / "there")
    assert here.path != there.path
    assert here.path.read_bytes() == there.path.read_bytes()
    assert here.sha256 == there.sha256
    assert here.path.read_bytes().startswith(b"\x7fELF")
    assert str(tmp_path).encode() not in here.path.read_bytes()


@pytest.mark.parametrize("file", ["experiment/trace.c", "core/syscall.c", "core/handle.c", "wayland/client.c"])
def test_no_vector_register_is_used_where_nobody_saves_it(file: str, tmp_path: Path) -> None:
    flags = [*kernel_build._KERNEL.split(), "-fno-lto", "-S"]
    output = tmp_path / "kernel.s"
    sources = kernel_build.kernel_sources()
    command = [sys.executable, "-m", "ziglang", "cc", *flags, f"-I{sources}", str(sources / file), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assembly = output.read_text()
    assert "retq" in assembly
    assert "%xmm" not in assembly and "%mm0" not in assembly


def test_a_built_kernel_is_taken_from_the_cache(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def fake(source: Path, target: Path, *_: object) -> None:
        calls.append(target)
        target.write_bytes(b"kernel")

    monkeypatch.setattr(kernel_build, "_build", fake)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: kernel_build.build_kernel(), range(4)))
    assert len(calls) == len(set(made)) == 1
    (sources / "core/main.c").write_text((sources / "core/main.c").read_text() + "\n")
    assert kernel_build.build_kernel() != made[0]
    assert len(calls) == 2


def test_a_compile_error_is_one_line_that_names_the_file_and_the_error(sources: Path) -> None:
    (sources / "arch" / "time.c").write_text("int broken(void) { return undeclared_name; }\n")
    with pytest.raises(failures.KernelBuildFailed) as error:
        hardware.build_kernel()
    text = str(error.value)
    assert "\n" not in text
    assert "the kernel does not compile: arch/time.c" in text
    assert "undeclared_name" in text
    assert error.value.exit_code == 3
    assert not list((default_cache() / "kernel").glob("*.elf"))


def test_a_link_error_is_one_line(sources: Path) -> None:
    (sources / "arch" / "time.c").write_text("")
    with pytest.raises(failures.KernelBuildFailed) as error:
        hardware.build_kernel()
    assert "\n" not in str(error.value)
    assert "kernel.ld" in str(error.value)
    assert "undefined symbol" in str(error.value)


@pytest.mark.parametrize("folder", ["kernel", "tests/kernel_host"])
def test_no_line_of_the_kernel_is_longer_than_120_columns(folder: str) -> None:
    long = []
    for file in sorted((Path(__file__).resolve().parents[3] / folder).rglob("*")):
        if file.suffix in {".c", ".h", ".S", ".ld"}:
            lines = file.read_text().splitlines()
            long += [f"{file.name}:{number}" for number, line in enumerate(lines, 1) if len(line) > 120]
    assert long == []
