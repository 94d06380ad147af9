"""Digests of what the model writes for every shipped scenario: trace, marker log, metrics and verdicts.

    python tests/support/model_outputs.py > before.json
    … change the code …
    python tests/support/model_outputs.py --against before.json

A change of structure must leave all of them as they were, to the byte. The second command names each scenario and part
that differs and exits with 1. It goes through the command line, so it compares versions whose modules have other names.
Digests are of decoded columns: a trace is the same trace whatever its compression.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

PLAIN = ("markers.log", "metrics.json", "verdicts.json", "scenario.json")
ROWS = 1 << 20


def digests(run: Path) -> dict[str, str]:
    """Part of a run → SHA-256 of its content."""
    found = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in PLAIN}
    trace = hashlib.sha256()
    with parquet.ParquetFile(run / "trace.parquet") as file:
        for batch in file.iter_batches(ROWS):
            for name in sorted(batch.schema.names):
                column = np.asarray(batch.column(name).to_numpy(zero_copy_only=False))
                trace.update(f"{name} {column.dtype}".encode() + column.tobytes())
    return {**found, "trace.parquet": trace.hexdigest()}


def digest_of(rayos: list[str], scenario: str, seconds: float | None, points: str | None) -> dict[str, str]:
    """Run a scenario on the model; its digests, or the message where the command refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "run")
        command = [*rayos, "run", scenario, "--on", "model", "--out", str(out)]
        command += [] if seconds is None else ["--duration", str(seconds)]
        command += [points] if points else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return digests(out) if out.is_dir() else {"refused": done.stderr.strip().splitlines()[-1]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with the digests in this file")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="run each this long, not its own duration")
    parser.add_argument("--trace-points", metavar="OPTION", help="also run with this option, which keeps all points")
    parser.add_argument("--rayos", default=f"{sys.executable} -m rayos_model", help="the command to run")
    parser.add_argument("scenarios", nargs="*", help="shipped names or files (default: all shipped)")
    given = parser.parse_args()
    shipped = Path(__file__).resolve().parents[2] / "rayos_model" / "scenarios"
    names = given.scenarios or [
        path.relative_to(shipped).with_suffix("").as_posix() for path in sorted(shipped.rglob("*.toml"))
    ]
    rayos = given.rayos.split()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = {name: pool.submit(digest_of, rayos, name, given.duration, given.trace_points) for name in names}
        found = {}
        for name, job in jobs.items():
            found[name] = job.result()
            print(name, file=sys.stderr)
    if given.against is None:
        print(json.dumps(found, indent=1))
        return 0
    before = json.loads(given.against.read_text())
    changed = [
        f"{name}: {part}"
        for name in found
        for part in sorted({*found[name], *before.get(name, {})})
        if found[name].get(part) != before.get(name, {}).get(part)
    ]
    print(*changed, sep="\n", end="\n" if changed else "")
    print(f"{len(found)} scenarios, {len(changed)} differences")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
