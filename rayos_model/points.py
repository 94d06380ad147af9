"""Points of the model's parameter space, computed once and kept: in this process, on all cores, or on a Dask cluster.

A point is one scenario with one seed. Its metrics are kept in a file of their own, named by a hash of everything they
follow from: scenario, parameters, and the sources of model and metrics. Must not know which points are wanted, or why.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Final, Self

from rayos_model.errors import BadInput, PlatformFailure, StorageFailure
from rayos_model.metrics import Value
from rayos_model.parameters import Parameters
from rayos_model.scenario import Scenario, from_dict

Values = dict[str, Value]
"""Metric → value, of one point."""

_PACKAGE: Final = Path(__file__).parent
_SHARED: Final = (
    *("abi", "distribution", "fault_ledger", "faults", "histogram", "image", "metrics", "parameters", "random"),
    *("refusals", "resources", "scenario", "storage", "throughput", "trace", "units"),
)
_UNIMPORTANT: Final = {"name", "description", "criteria"}


@cache
def model_sha256() -> str:
    """Hash of the sources that turn a scenario and parameters into metrics."""
    digest = hashlib.sha256()
    for path in sorted([*(_PACKAGE / "model").glob("*.py"), *(_PACKAGE / f"{name}.py" for name in _SHARED)]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs for one point, as text; `key` names its result."""

    scenario: str
    parameters: str
    model: str

    @classmethod
    def of(cls, scenario: Scenario, parameters: str) -> Self:
        """The point of a scenario; `parameters` is their JSON."""
        return cls(json.dumps(scenario.model_dump(mode="json"), sort_keys=True), parameters, model_sha256())

    @property
    def key(self) -> str:
        """Hash of everything the result follows from."""
        facts = {name: fact for name, fact in json.loads(self.scenario).items() if name not in _UNIMPORTANT}
        text = "\0".join((json.dumps(facts, sort_keys=True), self.parameters, self.model))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def compute(task: Task) -> str:
    """A point's metrics as JSON. Raises `PlatformFailure` where another version of the model is installed."""
    from rayos_model.model import simulate

    if task.model != model_sha256():
        raise PlatformFailure("a worker has another version of rayos-model; install the same one on every worker")
    metrics = simulate(from_dict(json.loads(task.scenario)), _parameters(task.parameters))
    return json.dumps({name: value.to_dict() for name, value in metrics.values.items()}, indent=0) + "\n"


@lru_cache(maxsize=2)
def _parameters(text: str) -> Parameters:
    return Parameters.model_validate_json(text)


Executor = Callable[[Sequence[Task]], Iterator[tuple[int, str]]]
"""Computes tasks somewhere: yields (index, result) in whatever order they are finished."""


@contextmanager
def workers(jobs: int | None = None, dask: str | None = None) -> Iterator[Executor]:
    """What computes tasks: a Dask cluster by address, or `jobs` processes of this machine (default: one a core).

    Raises `BadInput` for less than one job, for jobs and a cluster, and when no scheduler answers.
    """
    if dask is not None:
        if jobs is not None:
            raise BadInput("expected either a number of jobs or the address of a Dask cluster, got both")
        with _dask_client(dask) as client:
            yield partial(_on_dask, client)
        return
    jobs = len(os.sched_getaffinity(0)) if jobs is None else jobs
    if jobs < 1:
        raise BadInput(f"jobs: expected at least 1, got {jobs}")
    if jobs == 1:
        yield _here
        return
    with _pool(jobs) as pool:
        yield partial(_on_pool, pool)


def _here(tasks: Sequence[Task]) -> Iterator[tuple[int, str]]:
    for index, task in enumerate(tasks):
        yield index, compute(task)


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes. Interrupted, it ends them; killed, they end themselves."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin_worker)
    try:
        yield pool
    except BrokenProcessPool:
        raise PlatformFailure("a worker died (out of memory?); finished points are kept, run again") from None
    except BaseException:
        for worker in set(multiprocessing.active_children()) - before:
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Ctrl-C ends a worker at once and without a word, and so does the end of its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _on_pool(pool: ProcessPoolExecutor, tasks: Sequence[Task]) -> Iterator[tuple[int, str]]:
    futures = {pool.submit(compute, task): index for index, task in enumerate(tasks)}
    for future in as_completed(futures):
        yield futures[future], future.result()


@contextmanager
def _dask_client(address: str, patience_s: float = 10.0) -> Iterator[Any]:
    try:
        import distributed
    except ImportError:
        raise BadInput("a Dask cluster needs the package distributed: pip install 'rayos-model[dask]'") from None
    try:
        client: Any = distributed.Client(address, timeout=patience_s, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{address}: no Dask scheduler answers there: {reason}") from None
    with client:
        yield client


def _on_dask(client: Any, tasks: Sequence[Task]) -> Iterator[tuple[int, str]]:
    import distributed

    futures = {client.submit(compute, task, pure=False): index for index, task in enumerate(tasks)}
    finished: Any = distributed.as_completed(futures, loop=client.loop, with_results=True)  # type: ignore[no-untyped-call]
    for future, result in finished:
        yield futures[future], result


class PointStore:
    """A folder with one small file a point, each written aside and renamed: what is there is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Values | None:
        """A point's metrics; None where it was not computed (or its file is damaged)."""
        try:
            data = json.loads((self.folder / f"{key}.json").read_text("utf-8"))
            return {name: Value(**value) for name, value in data.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def put(self, key: str, text: str) -> None:
        """Keep a point's result. Raises `StorageFailure`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside = self.folder / f".{key}.{os.getpid()}"
            aside.write_text(text, "utf-8")
            aside.replace(self.folder / f"{key}.json")
        except OSError as error:
            raise StorageFailure(f"{self.folder}: cannot keep a point: {error.strerror or error}") from error


def evaluate(
    scenarios: Iterable[Scenario],
    parameters: Parameters,
    store: PointStore,
    execute: Executor,
    done: Callable[[int, int], None] = lambda finished, total: None,
) -> list[Values]:
    """The metrics of each scenario, in order; computes those not in the store, equal ones once.

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
    # The longest first: no worker is left with a long one at the end.
    names = sorted(missing, key=lambda key: missing[key][0], reverse=True)
    for index, result in execute([missing[name][1] for name in names]) if missing else ():
        store.put(names[index], result)
        kept = store.get(names[index])
        assert kept is not None
        found[names[index]] = kept
        done(len(found), total)
    return [found[key] for key in keys]


def table_of(values: Values) -> list[dict[str, Any]]:
    """One row a metric: metric, value, unit, low, high, in order of name."""
    return [
        {"metric": name, "value": value.value, "unit": value.unit, "low": value.low, "high": value.high}
        for name, value in sorted(values.items())
    ]
