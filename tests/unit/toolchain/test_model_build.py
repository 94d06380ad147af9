"""The compiled model: the same results, never from other sources than those that are there."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rayos_model.toolchain import model_build
from rayos_model.toolchain.sources import COMPILED, PACKAGE

OUTCOME = """
import hashlib, sys
from rayos_model.calibration import load_calibration
from rayos_model.model.machine import Machine
from rayos_model.scenario.compile import build_image
from rayos_model.scenario.files import load
from rayos_model.toolchain import model_build
from rayos_model.toolchain.sources import COMPILED, PACKAGE

AT_ONCE = {"host_parallelism": 2, "host_slice_ns": 1_400_000, "host_switch_ns": 2_000}
for name in sys.argv[1:]:
    name, _, seconds = name.partition("=")
    name, at_once, _ = name.partition(" at once")
    outcome, parameters = hashlib.sha256(), load_calibration()
    if at_once:
        scheduling = parameters.scheduling.model_copy(update={"bql_hold_ns": 10_000.0})
        parameters = parameters.model_copy(update=AT_ONCE | {"scheduling": scheduling})
    image = build_image(load(name).with_overrides(duration_s=float(seconds)) if seconds else load(name))
    keep, say = lambda records: outcome.update(records.tobytes()), lambda line: outcome.update(line.encode())
    Machine(image, parameters, keep, say, lambda second, flips: None).run()
    print(name, outcome.hexdigest())
print(model_build.in_use())
"""


def outcome_of(*scenarios: str, package: Path = PACKAGE, interpreted: bool = False) -> list[str]:
    """Hashes of all that a model says of scenarios, and whether it was compiled."""
    ran = subprocess.run(
        [sys.executable, "-c", OUTCOME, *scenarios],
        cwd=package.parent,
        env=os.environ | {"PYTHONPATH": str(package.parent)} | ({model_build.INTERPRETED: "1"} if interpreted else {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return ran.stdout.splitlines()


@pytest.fixture(scope="module")
def built() -> Path:
    try:
        return model_build.build()
    except model_build.ModelBuildError as failure:
        pytest.skip(str(failure))


@pytest.mark.usefixtures("built")
def test_the_compiled_model_says_what_the_interpreted_one_says() -> None:
    scenarios = [
        *("soak-64=3", "validation/mixed-16=4", "failure-mixed", "desktop-workload", "emergency-shutdown"),
        *("stress-cpu=2", "stress-combined=1", "failure-partition=20", "perf-input-roundtrip=2"),
        "stress-cpu at once=2",
    ]
    *outcomes, compiled_one = outcome_of(*scenarios)
    *expected, other = outcome_of(*scenarios, interpreted=True)
    assert (compiled_one, other) == ("True", "False")
    assert outcomes == expected


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("edited", ["model/wayland/stack.py", "contract/abi.py"])
def test_an_edited_source_is_interpreted_until_it_is_built_anew(tmp_path: Path, edited: str) -> None:
    copy = tmp_path / "rayos_model"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("kernel", "calibration"):
        (tmp_path / folder).symlink_to(PACKAGE.parent / folder)
    assert outcome_of("calibration/idle-1=1", package=copy)[-1] == "True"
    with (copy / edited).open("a") as source:
        source.write("\n")
    assert outcome_of("calibration/idle-1=1", package=copy)[-1] == "False"


def test_no_source_whose_constants_a_build_may_hold_is_left_out_of_its_name() -> None:
    imported = set()
    for module in model_build.compiled_modules():
        source = PACKAGE.parent / f"{module.replace('.', '/')}.py"
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rayos_model."):
                imported.add((node.module or "").removeprefix("rayos_model.").partition(".")[0])
    assert imported == set(COMPILED)


def test_no_two_compiled_modules_share_an_entry_point() -> None:
    names = [module.rpartition(".")[2] for module in model_build.compiled_modules()]
    assert len(names) == len(set(names))


def test_without_the_tools_nothing_is_built_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(model_build.ModelBuildError, match=r"^Python's headers are missing in .* install python3-dev"):
        model_build.build()
    assert not list(tmp_path.rglob("*.so"))
    assert not model_build.available()
