"""The formats of tables, which sources are files, and what belongs to a folder of parts."""

import re
from pathlib import Path

MONTH = re.compile(r"[0-9]{4,}-[0-9]{2}\.parquet")
FORMATS = (".parquet", ".csv", ".jsonl")


def is_file_source(path: Path) -> bool:
    """Tell whether a source is one file: it ends in a format. Any other is a folder of parts."""
    return path.suffix.lower() in FORMATS


def parquet_files(folder: Path) -> list[str]:
    """Return the Parquet files of a folder, in order; no name on the way may be hidden."""
    return sorted(
        str(each)
        for each in folder.rglob("*")
        if each.suffix.lower() == ".parquet"
        and each.is_file()
        and not any(part.startswith((".", "_")) for part in each.relative_to(folder).parts)
    )


def is_table_folder(path: Path) -> bool:
    """Tell whether a folder is one table: it holds a Parquet file for each month."""
    return path.is_dir() and any(MONTH.fullmatch(each.name) for each in path.iterdir())
