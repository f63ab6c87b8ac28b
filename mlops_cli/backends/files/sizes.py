"""How many rows a table has, without reading it."""

from pathlib import Path

import pyarrow.parquet as pq

from mlops_cli.backends.files.formats import parquet_files
from mlops_cli.backends.files.reading import translating


def row_count(path: Path) -> int | None:
    """Return the rows that Parquet files say they hold; None for other formats, or where none is.

    Args:
        path: a file, or a folder of them.
    """
    parts = parquet_files(path) if path.is_dir() else [str(path)] if path.is_file() else []
    if not parts or any(Path(part).suffix.lower() != ".parquet" for part in parts):
        return None
    with translating(path):
        return sum(pq.read_metadata(part).num_rows for part in parts)
