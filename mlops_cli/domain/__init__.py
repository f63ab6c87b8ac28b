"""Pure functions over numbers and tables: no files, no network, no clock."""
