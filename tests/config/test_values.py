from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mlops_cli.config.values import Place, format_duration, parse_duration

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

place = TypeAdapter(Place)


@settings(deadline=None)
@given(st.integers(0, 99_999), st.sampled_from(sorted(UNITS)))
def test_a_duration_is_a_number_and_a_unit(count, unit):
    assert parse_duration(f"{count}{unit}") == timedelta(**{UNITS[unit]: count})


@settings(deadline=None)
@given(st.integers(0, 99_999), st.sampled_from(sorted(UNITS)))
def test_a_written_duration_reads_as_the_same(count, unit):
    duration = parse_duration(f"{count}{unit}")

    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    "text", ["", "5", "d", "1.5h", "-1d", "1 d", "1D", "9999999s", "999999w", "٣d", None, True]
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("data/x.parquet", "/project/data/x.parquet"),
        ("/abs/x.parquet", "/abs/x.parquet"),
        ("sqlite:///x.db", "sqlite:////project/x.db"),
        ("sqlite:////abs/x.db", "sqlite:////abs/x.db"),
        ("sqlite+pysqlite:///x.db?timeout=5", "sqlite+pysqlite:////project/x.db?timeout=5"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("s3://bucket/x", "s3://bucket/x"),
        ("postgresql://ml:pw@db/x", "postgresql://ml:pw@db/x"),
    ],
)
def test_relative_places_are_found_from_the_root(written, read):
    assert place.validate_python(written, context={"root": Path("/project")}) == read
