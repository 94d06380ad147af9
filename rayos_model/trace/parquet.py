"""Trace records in Parquet files, NumPy arrays and data frames. Must not know what the records mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rayos_model.contract import parquet
from rayos_model.contract.abi import TraceKind
from rayos_model.contract.trace_record import FIRST_MEASUREMENT, TRACE_DTYPE, Records
from rayos_model.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS: Final = list(TRACE_DTYPE.names or ())
_KINDS: Final = np.array(list(TraceKind), np.uint16)
LONGEST_NS: Final = 31 * 86_400 * 10**9
"""Upper bound of a record's time, ns: the longest scenario lasts 30 days."""
_SCHEMA: Final = pa.schema([(name, pa.from_numpy_dtype(TRACE_DTYPE[name])) for name in _COLUMNS])


class TraceWriter:
    """Context manager that writes records to a Parquet file in groups. Raises `OSError` when writing fails."""

    def __init__(self, path: Path, rows_per_group: int = 1 << 16) -> None:
        self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd", write_page_checksum=True)
        self._rows_per_group = rows_per_group
        self._pending: list[Records] = []
        self._pending_rows = 0

    def append(self, records: Records) -> None:
        """Add records (one-dimensional, `TRACE_DTYPE`); they are written in groups of `rows_per_group`."""
        if len(records):
            self._pending.append(records)
            self._pending_rows += len(records)
        if self._pending_rows >= self._rows_per_group:
            self._flush()

    def close(self) -> None:
        """Write pending records and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._pending_rows:
            return
        records = np.concatenate(self._pending)
        self._pending, self._pending_rows = [], 0
        columns = [pa.array(np.ascontiguousarray(records[name])) for name in _COLUMNS]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def iter_trace(path: Path, kinds: Collection[int] | None = None) -> Iterator[Records]:
    """Records of a Parquet trace in chunks of bounded size, in the order written; only `kinds`, if given.

    Raises `BadInput` for a file that is missing, damaged or not a trace.
    """
    wanted = None if kinds is None else pa.array([int(kind) for kind in kinds], pa.uint16())
    for batch in _batches(path):
        chosen = batch if wanted is None else batch.filter(pc.is_in(batch["kind"], value_set=wanted))
        records = np.zeros(chosen.num_rows, dtype=TRACE_DTYPE)
        for name in _COLUMNS:
            records[name] = chosen[name].to_numpy(zero_copy_only=False)
        yield records


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with parquet.opened(path, "trace") as file:
        if not file.schema_arrow.equals(_SCHEMA):
            raise BadInput(f"{path}: not a trace: its columns are not {', '.join(_COLUMNS)}")
        for batch in file.iter_batches(batch_size=1 << 18):
            _validate(batch, path)
            yield batch


def _validate(batch: pa.RecordBatch, path: Path) -> None:
    if any(column.null_count for column in batch.columns):
        raise BadInput(f"{path}: not a trace: a column has empty cells")
    kinds = batch["kind"].to_numpy(zero_copy_only=False)
    unknown = kinds[~np.isin(kinds, _KINDS)]
    if len(unknown):
        raise BadInput(f"{path}: a record of unknown kind {unknown[0]}")
    latest = pc.max(batch["time_ns"]).as_py()
    if latest is not None and latest > LONGEST_NS:
        raise BadInput(f"{path}: a record at {latest} ns, beyond any run")


def read_trace(path: Path, kinds: Collection[int] | None = None) -> Records:
    """A Parquet trace as one structured array, in the order written; only `kinds`, if given. Raises as `iter_trace`."""
    chunks = list(iter_trace(path, kinds))
    return np.concatenate(chunks) if chunks else np.zeros(0, dtype=TRACE_DTYPE)


def select(records: Records, *kinds: int) -> Records:
    """The records of these kinds."""
    return records[np.isin(records["kind"], kinds)]


def points(records: Records) -> Records:
    """The control-flow points (kinds below 64)."""
    return records[records["kind"] < FIRST_MEASUREMENT]


def measurements(records: Records) -> Records:
    """The measurements (kinds from 64)."""
    return records[records["kind"] >= FIRST_MEASUREMENT]


def between(records: Records, start_ns: int, end_ns: int) -> Records:
    """The records with start ≤ time < end, ns."""
    times: NDArray[np.uint64] = records["time_ns"]
    return records[(times >= start_ns) & (times < end_ns)]


def frame(records: Records) -> pd.DataFrame:
    """Records as a data frame: the columns of a record, with `kind` as a categorical of names."""
    import pandas as pd

    table = pd.DataFrame({name: records[name] for name in _COLUMNS})
    codes = {int(kind): i for i, kind in enumerate(TraceKind)}
    index = np.array([codes.get(int(kind), -1) for kind in records["kind"]], dtype=np.int64)
    names = pd.Categorical.from_codes(index, categories=pd.Index([kind.name for kind in TraceKind]))
    return table.assign(kind=names)


def record(time_ns: int, kind: int, subject: int = 0, arg: int = 0, thread: int = 0, cpu_ns: int = 0) -> Records:
    """One record, as an array of length 1."""
    records = np.zeros(1, dtype=TRACE_DTYPE)
    records[0] = (time_ns, arg, subject, cpu_ns, kind, thread, 0, 0, 0, 0)
    return records
