"""Guarded opening of Parquet files from elsewhere. Must not know what their rows mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from rayos_model.contract import strict
from rayos_model.errors import BadInput

_MAX_ROWS_PER_BYTE: Final = 10
"""A row takes some bytes; a far denser file would only fill the memory."""


@contextmanager
def opened(path: Path, what: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file that is a `what`, such as `"trace"`, open for reading; pages are checked by their checksums.

    Raises `BadInput` for a file that is missing, damaged or no plain file, or that has far more rows than its size
    allows; also in place of an error of reading inside the `with`.
    """
    strict.require_file(path)
    try:
        with path.open("rb") as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
            if file.metadata.num_rows > _MAX_ROWS_PER_BYTE * path.stat().st_size:
                raise BadInput(f"{path}: not a {what}: {file.metadata.num_rows} records in a file of its size")
            yield file
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a column name that is not UTF-8
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"{path}: the {what} cannot be read: {' '.join(reason.split())}") from None
