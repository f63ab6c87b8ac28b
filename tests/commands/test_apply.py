"""`features apply`: the plan, what it refuses, and several at once."""

import subprocess
import sys
from pathlib import Path

import pytest
from running import Mlops

from mlops_cli.backends import feature_store
from mlops_cli.config import load_config

VIEW = "{{source: {name}.parquet, ttl: {ttl}, features: {{{features}}}}}"
CONFIG = """\
project: planned
models:
  risk:
    task: classification
    entity: {entity}
    feature_views:
{views}
    labels: {{source: labels.parquet, column: label}}
"""


def write(folder: Path, entity: str = "who", ttl: str = "5d", **views: str) -> None:
    """Write a configuration with views by name and their features."""
    lines = [
        f"      {name}: {VIEW.format(name=name, ttl=ttl, features=features)}"
        for name, features in views.items()
    ]
    text = CONFIG.format(entity=entity, views="\n".join(lines))
    (folder / "config.yaml").write_text(text)


@pytest.fixture
def folder(tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, vitals="pulse: {type: int}, weight: {type: float}")
    assert mlops("features", "apply").code == 0
    return tmp_path


def plan(mlops: Mlops) -> list[tuple[str, str, tuple[str, ...], bool]]:
    found = mlops("features", "apply", "--dry-run", "--json").data
    return [
        (each["action"], each["name"], tuple(each["details"]), each["destructive"])
        for each in found["plan"]
    ]


def test_nothing_to_do_is_said(folder: Path, mlops: Mlops) -> None:
    assert plan(mlops) == []
    assert "the registry is as config.yaml defines it" in mlops("features", "apply").out


def test_a_dry_run_changes_nothing(folder: Path, mlops: Mlops) -> None:
    write(folder, vitals="pulse: {type: int}, weight: {type: float}", lab="sugar: {type: float}")
    expected = [("create", "lab", (), False), ("change", "risk", (), False)]
    assert plan(mlops) == expected
    assert plan(mlops) == expected
    assert mlops("features", "apply").code == 0
    assert plan(mlops) == []


def test_a_new_feature_and_a_new_ttl_need_no_yes(folder: Path, mlops: Mlops) -> None:
    write(folder, ttl="6d", vitals="pulse: {type: int}, weight: {type: float}, bmi: {type: float}")
    details = ("+ bmi (Float64)", "ttl: 5 days, 0:00:00 -> 6 days, 0:00:00")
    assert plan(mlops) == [("change", "vitals", details, False)]
    assert mlops("features", "apply").code == 0
    assert plan(mlops) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vitals": "pulse: {type: int}"}, "- weight (Float64)"),
        ({"vitals": "pulse: {type: int}, weight: {type: int}"}, "~ weight: Float64 -> Int64"),
        (
            {"entity": "patient", "vitals": "pulse: {type: int}, weight: {type: float}"},
            "~ entity: who -> patient",
        ),
        ({"other": "pulse: {type: int}"}, "remove feature view 'vitals'"),
    ],
)
def test_what_would_be_gone_needs_yes(
    folder: Path, mlops: Mlops, change: dict[str, str], said: str
) -> None:
    write(folder, **change)
    before = plan(mlops)
    assert any(destructive for *_, destructive in before)
    refused = mlops("features", "apply")
    assert refused.code == 2
    assert said in refused.err
    assert "--yes" in refused.err
    assert plan(mlops) == before
    assert mlops("features", "apply", "--yes").code == 0
    assert plan(mlops) == []


@pytest.fixture(params=["sqlite", "postgres"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a registry that does not exist yet, on a real server where it is PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shared.db"
    return str(request.getfixturevalue("postgres_url"))


def test_four_at_once_lose_nothing(folder: Path, mlops: Mlops, registry: str) -> None:
    """Four projects in one registry, applied by four processes at the same time."""
    children = []
    for number in range(4):
        views = f"      v{number}: {VIEW.format(name='x', ttl='5d', features='a: {type: int}')}"
        text = CONFIG.format(entity="who", views=views).replace("planned", f"project{number}")
        more = f"feature_store: {{registry: '{registry}'}}\nstate: state{number}\n"
        (folder / f"config{number}.yaml").write_text(text + more)
        command = ["features", "apply", "--config", f"config{number}.yaml"]
        children.append(
            subprocess.Popen(
                [sys.executable, "-m", "mlops_cli", *command], cwd=folder, stderr=subprocess.PIPE
            )
        )
    assert [child.communicate()[1].decode() for child in children] == [""] * 4
    for number in range(4):
        listed = mlops("features", "list", "--json", "--config", f"config{number}.yaml")
        assert [view["registered"] for view in listed.data["views"]] == [True]


def test_a_reader_never_meets_an_empty_registry(folder: Path, mlops: Mlops, registry: str) -> None:
    """One process changes a view again and again, another reads meanwhile."""
    shared = f"feature_store: {{registry: '{registry}'}}\n"
    texts = []
    for days in ("5d", "6d"):
        write(folder, ttl=days, vitals="pulse: {type: int}", lab="sugar: {type: float}")
        texts.append((folder / "config.yaml").read_text() + shared)
    (folder / "config.yaml").write_text(texts[0])
    assert mlops("features", "apply").code == 0
    config = load_config(folder / "config.yaml")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, *texts], cwd=folder)
    seen, reads = set(), 0
    while writer.poll() is None:
        seen.add(tuple(feature_store.views(config)))
        reads += 1
    assert writer.returncode == 0
    assert seen == {("lab", "vitals")}
    assert reads > 20


WRITER = """
import sys
from pathlib import Path
from mlops_cli.backends import feature_store
from mlops_cli.config import load_config
for turn in range(30):
    Path("other.yaml").write_text(sys.argv[1 + turn % 2])
    feature_store.apply(load_config(Path("other.yaml")))
"""
