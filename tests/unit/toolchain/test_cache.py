"""The cache of builds: damage is noticed, and a damaged build replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayos_model.toolchain import cache, kernel_build, model_build


def test_a_sealed_file_is_intact_until_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "build"
    file.write_bytes(b"content")
    assert cache.intact(file) is None, "not sealed"
    assert cache.intact(tmp_path / "missing") is None
    sha256 = cache.seal(file)
    assert cache.intact(file) == sha256
    for damaged in (b"", b"conten", b"contenu", b"content\0"):
        file.write_bytes(damaged)
        assert cache.intact(file) is None
    file.write_bytes(b"content")
    assert cache.intact(file) == sha256
    (tmp_path / "build.sha256").write_bytes(b"\xff\xfe")
    assert cache.intact(file) is None


def test_a_damaged_kernel_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    def build(_sources: object, target: Path, *_: object) -> None:
        target.write_bytes(b"kernel")
        built.append(target)

    monkeypatch.setattr(kernel_build, "_build", build)
    whole = kernel_build.build_kernel(tmp_path)
    assert kernel_build.build_kernel(tmp_path) == whole and len(built) == 1
    whole.path.write_bytes(b"kerne")
    assert kernel_build.build_kernel(tmp_path) == whole and len(built) == 2


def test_a_damaged_model_is_built_anew_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(model_build.INTERPRETED, raising=False)
    monkeypatch.setattr(model_build, "in_use", lambda: False)
    monkeypatch.setattr("sys.meta_path", [])
    monkeypatch.setattr(model_build, "_require_tools", lambda: None)
    monkeypatch.setattr(model_build, "_build", lambda target: target.write_bytes(b"a model"))
    model_build.use()
    assert not model_build.available(), "nothing is built that was not there"
    whole = model_build.build()
    assert model_build.available()
    whole.write_bytes(b"a mode")
    assert not model_build.available()
    model_build.use()
    assert model_build.available() and whole.read_bytes() == b"a model"
    assert "damaged" in capsys.readouterr().err
