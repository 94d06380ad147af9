"""Workers that compute tasks: this process, a pool of processes, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any

from rayos_model.errors import BadInput, PlatformFailure
from rayos_model.experiments.task import Task, compute

Executor = Callable[[Sequence[Task]], Iterator[tuple[int, str]]]
"""Computes tasks and yields (index, result) in the order in which they finish."""


@contextmanager
def workers(jobs: int | None = None, dask: str | None = None) -> Iterator[Executor]:
    """Yields the executor of tasks: a Dask cluster by address, or `jobs` local processes (default: one per core).

    Raises `BadInput` for less than one job, for both jobs and a cluster, and when no scheduler answers.
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
    """A pool of worker processes. They are terminated on an exception, and end by themselves if this process dies."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin_worker)
    try:
        yield pool
    except BrokenProcessPool:
        raise PlatformFailure("a worker process died (out of memory?); finished points are kept: run again") from None
    except BaseException:
        for worker in set(multiprocessing.active_children()) - before:
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Set-up of a worker: Ctrl-C and the death of the parent process end it immediately and silently."""
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
