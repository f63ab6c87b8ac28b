"""The formats of tables, and which sources are files."""

from pathlib import Path

FORMATS = (".parquet", ".csv", ".jsonl")


def is_file_source(path: Path) -> bool:
    """Tell whether a source is one file: it ends in a format. Any other is a folder of parts."""
    return path.suffix.lower() in FORMATS
