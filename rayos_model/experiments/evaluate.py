"""Evaluation of points: runs the model on scenarios whose metrics are not stored yet, and stores them.

A point is one scenario with one seed. Its metrics are stored in one file, named by a hash of everything that determines
them: scenario, parameters and the sources of the model. Must not know why the points are wanted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from rayos_model.costs.parameters import Parameters
from rayos_model.experiments.point_store import PointStore, Values
from rayos_model.experiments.task import Task
from rayos_model.experiments.workers import Executor
from rayos_model.scenario.scenario import Scenario


def evaluate(
    scenarios: Iterable[Scenario],
    parameters: Parameters,
    store: PointStore,
    execute: Executor,
    done: Callable[[int, int], None] = lambda finished, total: None,
) -> list[Values]:
    """The metrics of each scenario, in order. Computes what is not in the store; equal scenarios are computed once.

    `done(finished, total)` is called at the start and after each point.
    """
    text = json.dumps(parameters.model_dump(mode="json"), sort_keys=True)
    tasks = [(scenario, Task.of(scenario, text)) for scenario in scenarios]
    keys = [task.key for _, task in tasks]
    found: dict[str, Values] = {}
    missing: dict[str, tuple[float, Task]] = {}
    for key, (scenario, task) in zip(keys, tasks, strict=True):
        if key in found or key in missing:
            continue
        kept = store.get(key)
        if kept is None:
            missing[key] = scenario.client_count * scenario.duration_s, task
        else:
            found[key] = kept
    total = len(found) + len(missing)
    done(len(found), total)
    # Longest first, so that no worker starts a long run when the others are almost done.
    names = sorted(missing, key=lambda key: missing[key][0], reverse=True)
    for index, result in execute([missing[name][1] for name in names]) if missing else ():
        store.put(names[index], result)
        kept = store.get(names[index])
        assert kept is not None
        found[names[index]] = kept
        done(len(found), total)
    return [found[key] for key in keys]
