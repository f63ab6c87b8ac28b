"""kill -9 at random moments of import, apply and materialize: old or new, never half."""

from pathlib import Path

import pandas as pd
import pytest
from killing import finish, kill

from mlops_cli.backends import feature_store, files
from mlops_cli.config import load_config

KILLS = 17  # of each of the three commands
PEOPLE = [f"P{number:04}" for number in range(400)]
CONFIG = """\
project: killed
models:
  risk:
    task: classification
    entity: person
    feature_views:
      {views}
    labels: {{source: data/labels.parquet, column: label}}
"""
IMPORT = ("features", "import", "risk", "new.csv", "--quiet")
APPLY = ("features", "apply", "--quiet")
MATERIALIZE = ("features", "materialize", "--quiet")
VIEW = (
    "{name}: {{source: data/{name}.parquet, "
    "features: {{{name}_a: {{type: float}}, {name}_b: {{type: int}}}}}}"
)


def write_config(folder: Path, views: int) -> None:
    """Write a project with some number of views."""
    names = [VIEW.format(name=f"view{number}") for number in range(views)]
    (folder / "config.yaml").write_text(CONFIG.format(views="\n      ".join(names)))


def write_table(folder: Path, value: int) -> None:
    """Write a file in which everybody has the same value twice in each month."""
    rows = [
        {"person": who, "event_timestamp": f"2026-0{month}-01", "view0_a": value, "view0_b": value}
        for who in PEOPLE
        for month in (1, 2, 3)
    ]
    pd.DataFrame(rows).to_csv(folder / "new.csv", index=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one view, imported and online."""
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path, 1)
    write_table(tmp_path, 0)
    for step in (IMPORT, APPLY, MATERIALIZE):
        finish(*step)
    return tmp_path


def moments(longest: float) -> list[float]:
    """Return the seconds after which to kill, spread over the time that a command takes."""
    return [longest * (n + 0.5) / KILLS for n in range(KILLS)]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".parquet", ""], ids=["file", "folder"])
def test_a_killed_import_leaves_the_old_table_or_the_new_one(project: Path, ending: str) -> None:
    config = project / "config.yaml"
    config.write_text(config.read_text().replace("data/view0.parquet", f"data/view0{ending}"))
    write_table(project, 0)
    finish(*IMPORT)

    def seen() -> set[float]:
        table = files.read_source(project / f"data/view0{ending}")
        assert len(table) == 3 * len(PEOPLE)
        assert (table["view0_a"] == table["view0_b"]).all()
        return set(table["view0_a"])

    def watch() -> None:
        assert seen() in ({value - 1}, {value})

    write_table(project, value := 1)
    killed, longest = 0, finish(*IMPORT)
    for moment in moments(longest):
        value += 1
        write_table(project, value)
        killed += kill(moment, watch, *IMPORT)
        watch()
        finish(*IMPORT)
        assert seen() == {value}
    assert killed > KILLS / 2


@pytest.mark.slow
def test_a_killed_apply_leaves_the_old_registry_or_the_new_one(project: Path) -> None:
    config = load_config(project / "config.yaml")

    def watch() -> None:
        assert len(feature_store.views(config)) in {count - 1, count}

    write_config(project, count := 2)
    killed, longest = 0, finish(*APPLY)
    for moment in moments(longest):
        count += 1
        write_config(project, count)
        killed += kill(moment, watch, *APPLY)
        watch()
        finish(*APPLY)
        assert len(feature_store.views(config)) == count
    assert killed > KILLS / 2


@pytest.mark.slow
def test_a_killed_materialize_leaves_each_person_old_or_new(project: Path) -> None:
    config = load_config(project / "config.yaml")

    def seen() -> set[float]:
        rows = feature_store.online(
            config, config.models["risk"], [{"person": who} for who in PEOPLE[::20]]
        )
        values = [{row["view0_a"].value, row["view0_b"].value} for row in rows if row]
        assert len(values) == len(rows)
        assert all(len(pair) == 1 for pair in values)
        return set.union(*values)

    def watch() -> None:
        assert seen() <= {value - 1, value}

    def renew() -> None:
        write_table(project, value)
        finish(*IMPORT)

    value = 1
    renew()
    killed, longest = 0, finish(*MATERIALIZE)
    for moment in moments(longest):
        value += 1
        renew()
        killed += kill(moment, watch, *MATERIALIZE)
        watch()
        finish(*MATERIALIZE)
        assert seen() == {value}
    assert killed > KILLS / 2
