"""Fit of the memory parameters: pages in use as a function of live clients and shared memory."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rayos_model.calibration.fit import bootstrap
from rayos_model.contract.abi import TraceKind
from rayos_model.contract.macros import PAGE_KB
from rayos_model.contract.trace_record import Records
from rayos_model.costs.boot_pages import beyond_reference
from rayos_model.costs.parameters import Memory
from rayos_model.scenario.scenario import Scenario


def memory_table(trace: Records, scenario: Scenario) -> pd.DataFrame:
    """Pages in use above the baseline at each snapshot, with live clients, shared pages and the base.

    Columns: base, pages, clients, shared. The base is that of the reference machine (`costs.boot_pages.REFERENCE_MB`),
    without framebuffers. No rows for a scenario with a disk or a load: the pages of those are known, not fitted.
    """
    if scenario.machine.disk_mb or scenario.load.any:
        return pd.DataFrame(columns=["base", "pages", "clients", "shared"], dtype=np.float64)
    framebuffers = 2 * -(-scenario.display.width * scenario.display.height * 4 // (PAGE_KB * 1024))
    baseline = int(trace["arg"][trace["kind"] == TraceKind.M_BASELINE][0])
    base = baseline - framebuffers - beyond_reference(scenario.machine.memory_mb)
    clients, shared = 0, 0
    owned: dict[int, int] = {}
    rows = []
    wanted = (
        TraceKind.M_CLIENT_CREATED,
        TraceKind.M_CLIENT_DESTROYED,
        TraceKind.P_SHM,
        TraceKind.P_SHM_FREE,
        TraceKind.M_PAGES,
    )
    for record in trace[np.isin(trace["kind"], wanted)]:
        kind, arg = int(record["kind"]), int(record["arg"])
        owner = int(record["thread"]) - 16
        if kind == TraceKind.M_CLIENT_CREATED:
            clients += 1
        elif kind == TraceKind.M_CLIENT_DESTROYED:
            clients -= 1
            shared -= owned.pop(int(record["subject"]), 0)
        elif kind == TraceKind.P_SHM:
            shared += arg
            owned[owner] = owned.get(owner, 0) + arg
        elif kind == TraceKind.P_SHM_FREE:
            shared -= arg
            owned[owner] = owned.get(owner, 0) - arg
        else:
            rows.append((base, arg - baseline, clients, shared))
    return pd.DataFrame(rows, columns=["base", "pages", "clients", "shared"])


def fit_memory(table: pd.DataFrame) -> Memory:
    """Least-squares fit of pages above the baseline to live clients and shared pages."""
    x = table[["clients", "shared"]].to_numpy(np.float64)
    y = table["pages"].to_numpy(np.float64)
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    bounds = bootstrap(x, y)
    return Memory(
        base_pages=float(table["base"].median()),
        pages_per_client=float(beta[0]),
        pages_per_shm_page=float(beta[1]),
        residual_std_pages=float(np.std(y - x @ beta)),
        pages_per_client_ci95=(float(bounds[0, 0]), float(bounds[1, 0])),
        pages_per_shm_page_ci95=(float(bounds[0, 1]), float(bounds[1, 1])),
    )
