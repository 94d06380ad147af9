"""The readers of files from elsewhere, each as a function of bytes; and the inputs from which mutation starts.

A reader may return or raise `BadInput`, whose text is one line. Anything else is a bug.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rayos_model.comparison import history
from rayos_model.contract import abi
from rayos_model.contract.image import parse_image
from rayos_model.contract.metric_units import METRIC_UNITS
from rayos_model.contract.trace_record import Records
from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.experiments.point_store import PointStore
from rayos_model.hardware import disk_format
from rayos_model.hardware.disk_format import format_image, read_store
from rayos_model.run.run import MARKERS, METRICS, PROVENANCE, SCENARIO, TRACE, VERDICTS, Run
from rayos_model.run.system import execute
from rayos_model.scenario import files
from rayos_model.scenario.compile import compile_image
from rayos_model.scenario.criteria import parse_criterion
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.sources import PACKAGE
from rayos_model.toolchain.temporary import temporary_folder
from rayos_model.trace.parquet import TraceWriter, read_trace
from rayos_model.verdict import marker_log
from tests.fuzz.mutation import mutated
from tests.support.paths import ROOT
from tests.support.small import RecordedSystem, small_scenario, small_trace

CORPUS: Final = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader: `read(data, folder)` in a private folder, its seeds, and how they are mutated."""

    read: Callable[[bytes, Path], object]
    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random], bytes] = mutated


def attempt(reader: Reader, data: bytes, folder: Path) -> bool:
    """Whether the input is accepted. Raises what only a bug raises."""
    try:
        reader.read(data, folder)
    except BadInput as error:
        assert str(error).strip() and "\n" not in str(error).strip(), f"not one line: {error}"
        return False
    return True


# ---- reading ---------------------------------------------------------------------------------------


def _markers(data: bytes, folder: Path) -> None:
    judge = marker_log._judge(io.BytesIO(data))
    judge.against("fail", ["SOAK"])
    for problem in judge.problems:
        assert "\n" not in str(problem)


def _scenario(data: bytes, folder: Path) -> Scenario:
    path = folder / "scenario.toml"
    path.write_bytes(data)
    scenario = files.load(path)
    compile_image(scenario)
    return scenario


def _image(data: bytes, folder: Path) -> None:
    try:
        parse_image(data)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _run_file(name: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> Run:
        place = folder / "run"
        if not place.exists():
            place.mkdir()
            for other, content in _run().items():
                (place / other).write_bytes(content)
        (place / name).write_bytes(data)
        return Run.load(place)

    return read


def _trace(data: bytes, folder: Path) -> object:
    path = folder / TRACE
    path.write_bytes(data)
    return read_trace(path)


def _calibration(data: bytes, folder: Path) -> Parameters:
    path = folder / "parameters.json"
    path.write_bytes(data)
    return Parameters.load(path)


def _point(data: bytes, folder: Path) -> object:
    (folder / "key.json").write_bytes(data)
    return PointStore(folder).get("key")


def _history(data: bytes, folder: Path) -> None:
    (folder / "one.parquet").write_bytes(data)
    history.load(folder)


def _disk(data: bytes, folder: Path) -> object:
    path = folder / "disk"
    path.write_bytes(data)
    return read_store(path, seed=1)


def _criterion(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", "replace")
    metric, _, criterion = text.partition("\n")
    try:
        parse_criterion(metric, criterion)
    except ValueError as error:
        raise BadInput(str(error)) from None


# ---- seeds -----------------------------------------------------------------------------------------


def _corpus(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def _shipped_scenarios() -> list[bytes]:
    return [path.read_bytes() for path in sorted((PACKAGE / "scenarios").glob("*.toml"))]


@cache
def _run() -> Mapping[str, bytes]:
    """The files of a run."""
    with temporary_folder("fuzz") as folder:
        run = execute(RecordedSystem(small_trace()), small_scenario(), folder / "run")
        return {path.name: path.read_bytes() for path in run.path.iterdir()}


def _images() -> list[bytes]:
    names = ("soak-16", "failure-disk", "failure-partition", "desktop-workload", "stress-curve")
    return [compile_image(files.load(name)) for name in names]


def _resealed(data: bytes, rng: random.Random) -> bytes:
    """A mutated image, in half of all cases with the right length and checksum, so that later checks are reached."""
    data = mutated(data, rng)
    if len(data) <= abi.IMAGE_HEADER.size or rng.random() < 0.5:
        return data
    header = list(abi.IMAGE_HEADER.unpack_from(data))
    body = data[abi.IMAGE_HEADER.size :]
    header[2:4] = len(data), zlib.crc32(body)
    return abi.IMAGE_HEADER.pack(*header) + body


def _traces() -> list[bytes]:
    def written(records: Records) -> bytes:
        with temporary_folder("fuzz") as folder:
            with TraceWriter(folder / TRACE) as writer:
                writer.append(records)
            return (folder / TRACE).read_bytes()

    foreign = io.BytesIO()
    pq.write_table(pa.table({"kind": pa.array([1, None, 3]), "time_ns": ["a", "b", "c"]}), foreign)
    return [written(small_trace()[:50]), written(small_trace()[:0]), foreign.getvalue()]


def _calibrations() -> list[bytes]:
    whole = json.loads((ROOT / "calibration" / "icount" / "parameters.json").read_text())
    for table in ("segments", "kinds"):
        whole[table] = dict(list(whole[table].items())[:3])
    return [json.dumps(whole).encode()]


def _points() -> list[bytes]:
    values = json.loads(_run()[METRICS])["values"]
    return [json.dumps({name: values[name] for name in list(values)[:8]}).encode()]


def _histories() -> list[bytes]:
    rows = [
        {name: 0.5 if kind == pa.float64() else None if kind == pa.bool_() else "x" for name, kind in _columns()}
        | {"time": 1_700_000_000_000_000 + number, "ok": True}
        for number in range(3)
    ]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, history._SCHEMA), file)
    return [file.getvalue()]


def _columns() -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in history._SCHEMA]


def _disks() -> list[bytes]:
    with temporary_folder("fuzz") as folder:
        format_image(folder / "disk", 1)
        blocks = np.fromfile(folder / "disk", disk_format._BLOCK, 16)
    blocks["data"][0][4:8] = np.frombuffer(struct.pack("<I", len(blocks)), np.uint8)
    blocks["checksum"] = disk_format.checksums(blocks)
    record = blocks[0].copy()
    for number in range(1, len(blocks)):
        record["block"], record["generation"], record["kind"] = number, number, disk_format.RECORD
        record["name"] = f"record {number % 5}".encode()
        blocks[number] = record
    blocks["checksum"] = disk_format.checksums(blocks)
    return [blocks.tobytes()]


def _criteria() -> list[bytes]:
    return [f"{metric}\n< 5 {unit}".encode() for metric, unit in list(METRIC_UNITS.items())[::7]]


READERS: Final[Mapping[str, Reader]] = {
    "markers": Reader(_markers, lambda: _corpus("markers")),
    "scenario": Reader(_scenario, lambda: [*_corpus("scenario"), *_shipped_scenarios()]),
    "image": Reader(_image, _images, _resealed),
    "run-metrics": Reader(_run_file(METRICS), lambda: [_run()[METRICS]]),
    "run-provenance": Reader(_run_file(PROVENANCE), lambda: [_run()[PROVENANCE]]),
    "run-verdicts": Reader(_run_file(VERDICTS), lambda: [_run()[VERDICTS]]),
    "run-scenario": Reader(_run_file(SCENARIO), lambda: [_run()[SCENARIO]]),
    "run-markers": Reader(_run_file(MARKERS), lambda: [_run()[MARKERS]]),
    "trace": Reader(_trace, _traces),
    "calibration": Reader(_calibration, _calibrations),
    "point": Reader(_point, _points),
    "history": Reader(_history, _histories),
    "disk": Reader(_disk, _disks),
    "criterion": Reader(_criterion, _criteria),
}
"""The readers by name."""
