"""Fuzzing at length: `make fuzz`, or

    python -m tests.fuzz [READER …] [--executions 1000000] [--seed 1]

Execution number n of a reader is the same for the same seed, so a failure is repeated by

    python -m tests.fuzz READER --seed 1 --only N

Exit status: 0 nothing found · 1 a reader failed; its input is kept in fuzz-failures/.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.fuzz.campaign import execute, fuzz
from tests.fuzz.programs import PROGRAMS, run_program
from tests.fuzz.readers import READERS


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [*READERS, *PROGRAMS]
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"default: all ({', '.join(names)})")
    parser.add_argument("--executions", type=int, default=1_000_000, metavar="N", help="per reader (default: 1000000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--only", type=int, metavar="N", help="repeat this execution of one reader")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    options = parser.parse_args()
    if unknown := set(options.readers) - set(names):
        parser.error(f"no such reader: {', '.join(sorted(unknown))}")
    if options.only is not None:
        (name,) = options.readers
        _, failures = execute(name, options.seed, range(options.only, options.only + 1))
        print(failures[0][1] if failures else "no failure")
        return bool(failures)
    failed = 0
    for name in options.readers or names:
        if name in READERS:
            failed += fuzz(name, options.seed, options.executions, options.jobs)
        else:
            failed += run_program(name, options.seed, options.executions)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
