"""Files: atomic writes, verified reads, locks. Parquet is written with page checksums."""

from mlops_cli.backends.files.atomic import lock, replacing, sync, write_text
from mlops_cli.backends.files.batches import BrokenLine, batches
from mlops_cli.backends.files.formats import FORMATS, is_file_source, is_table_folder
from mlops_cli.backends.files.parts import Parts, rewriting
from mlops_cli.backends.files.reading import digests, read_source, read_table
from mlops_cli.backends.files.stored_windows import check_windows, stored_windows
from mlops_cli.backends.files.writing import check_format, write_table, written

__all__ = [
    "FORMATS",
    "BrokenLine",
    "Parts",
    "batches",
    "check_format",
    "check_windows",
    "digests",
    "is_file_source",
    "is_table_folder",
    "lock",
    "read_source",
    "read_table",
    "replacing",
    "rewriting",
    "stored_windows",
    "sync",
    "write_table",
    "write_text",
    "written",
]
