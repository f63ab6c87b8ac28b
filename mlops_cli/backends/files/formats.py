"""The formats of tables, which sources are files, and what belongs to a folder of parts."""

from pathlib import Path

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
