"""The command `rayos`, run in this process."""

from __future__ import annotations

import sys

import pytest

from rayos_model import backends
from rayos_model.cli import app as cli
from tests.support.small import RecordedSystem, small_trace

SMALL = 'name = "small"\nduration_s = 5\nwarmup_s = 1\n[[clients]]\nworkload = "rendering"\n'


class Rayos:
    """Runs the command in this process: status, standard output, standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.plays(RecordedSystem(small_trace()))

    def plays(self, system: RecordedSystem) -> None:
        self._monkeypatch.setattr(backends, "system", lambda *_, **__: system)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["rayos", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = self._capsys.readouterr()
        code = caught.value.code
        return code if isinstance(code, int) else 0, captured.out, captured.err
