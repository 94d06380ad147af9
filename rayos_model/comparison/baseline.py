"""Baselines: the run of each scenario, system and platform that later runs are compared with, in `runs/baselines/`.

A baseline is a symbolic link to a hidden copy of the run, so that it is replaced atomically. Must not know how runs are
compared.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from rayos_model.errors import BadInput
from rayos_model.run.run import Run
from rayos_model.toolchain.atomic import storage_failure


def baseline_path(run: Run) -> Path:
    """Path of the baseline of a run's scenario, system and platform."""
    return Path("runs", "baselines", f"{run.scenario.name}-{run.system}-{run.platform or 'unknown'}")


def save(run: Run) -> Path:
    """Stores a copy of the run as the baseline, in place of an older one. Raises `StorageFailure`."""
    link = baseline_path(run)
    token = uuid.uuid4().hex
    copy, new_link = (link.with_name(f".{link.name}-{token}{end}") for end in ("", ".link"))
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        older = _copy_behind(link)
        copy.mkdir()
        for file in run.path.iterdir():
            if file.is_file() and not file.is_symlink():  # a run is a folder of plain files, whatever else is there
                shutil.copy(file, copy)
        new_link.symlink_to(copy.name, target_is_directory=True)
        new_link.replace(link)
    except OSError as error:
        shutil.rmtree(copy, ignore_errors=True)
        new_link.unlink(missing_ok=True)
        raise storage_failure(error, link, "the baseline") from error
    if older:
        shutil.rmtree(older, ignore_errors=True)
    return link


def _copy_behind(link: Path) -> Path | None:
    """The hidden copy that a baseline leads to; None if it leads to anything else, which is never removed."""
    if not link.is_symlink():
        return None
    target = link.readlink()
    own = len(target.parts) == 1 and target.name.startswith(f".{link.name}-")
    return link.parent / target if own and not (link.parent / target).is_symlink() else None


def load_baseline(run: Run) -> Run:
    """The baseline of a run's scenario, system and platform. Raises `BadInput` when there is none."""
    path = baseline_path(run)
    if not path.exists():
        raise BadInput(
            f"{path}: no baseline of {run.scenario.name} on {run.system}; make one with `rayos run … --save-baseline`"
        )
    return Run.load(path)
