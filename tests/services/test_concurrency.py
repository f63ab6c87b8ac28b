"""Several processes at once: readers always find a champion, one writer wins, nothing is lost."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest
from mlflow import MlflowClient
from running import Mlops, build, quietly

from mlops_cli.backends import registry, tables
from mlops_cli.config import Config, load_config

HEART = "heart_disease"
PROCESSES = 4

#: Loads the libraries once, forks, and lets all children go at the same moment.
TOGETHER = """
import json, multiprocessing, sys
from pathlib import Path
from mlops_cli.main import main
{imports}

def child(number):
    mine = f"process{{number}}"
    with open(f"{{mine}}.out", "w") as sys.stdout:
        exec({prepare!r}, globals())
        barrier.wait()
        exec({work!r}, globals() | {{"mine": mine}})

fork = multiprocessing.get_context("fork")
barrier = fork.Barrier({count})
children = [fork.Process(target=child, args=(number,)) for number in range({count})]
for each in children: each.start()
for each in children: each.join()
print(json.dumps([
    [each.exitcode, Path(f"process{{number}}.out").read_text()]
    for number, each in enumerate(children)
]))
"""


@dataclass(frozen=True)
class Done:
    """How one of several processes ended."""

    code: int
    out: str


def together(
    folder: Path, imports: str, work: str, prepare: str = "", count: int = PROCESSES
) -> list[Done]:
    """Run the same code in several processes that start it at once."""
    code = TOGETHER.format(imports=imports, prepare=prepare, work=work, count=count)
    parent = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert parent.returncode == 0, parent.stderr
    sys.stderr.write(parent.stderr)  # shown by pytest where a test fails
    return [Done(*each) for each in json.loads(parent.stdout)]


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a feeble champion, version 1, and a better challenger, version 2."""
    folder = build(tmp_path_factory.mktemp("arena"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_MODELS__HEART_DISEASE__SEARCH__MAX_ROUNDS", "1")
        quietly(folder, "train", HEART)
    quietly(folder, "promote", HEART, "--challenger")
    quietly(folder, "train", HEART)
    return folder


@pytest.fixture
def config(arena: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(arena)
    config = load_config(arena / "config.yaml")
    registry.set_alias(config, HEART, "champion", 1)
    registry.set_alias(config, HEART, "challenger", 2)
    return config


class Reader(Thread):
    """Ask for the champion again and again, over a connection of its own."""

    def __init__(self, config: Config) -> None:
        super().__init__(daemon=True)
        self.client = MlflowClient(config.tracking.uri, config.tracking.uri)
        self.seen: Counter[str] = Counter()
        self.missed: list[str] = []
        self.stopped = Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                self.seen[self.client.get_model_version_by_alias(HEART, "champion").version] += 1
            except Exception as error:  # noqa: BLE001 - every failure is a miss
                self.missed.append(str(error))


@pytest.fixture
def reader(config: Config) -> Iterator[Reader]:
    reader = Reader(config)
    reader.start()
    yield reader
    reader.stopped.set()
    reader.join()


def test_a_reader_never_misses_the_champion_while_it_is_moved(
    config: Config, reader: Reader
) -> None:
    for turn in range(60):
        registry.set_alias(config, HEART, "champion", 1 + turn % 2)
    reader.stopped.set()
    reader.join()
    assert reader.missed == []
    assert sum(reader.seen.values()) > 60
    assert set(reader.seen) == {1, 2}


def test_a_reader_never_misses_the_champion_during_a_promotion(
    config: Config, mlops: Mlops, reader: Reader
) -> None:
    assert mlops("promote", HEART, "--challenger").code == 0
    assert mlops("rollback", HEART, "--to", 1, "--reason", "test").code == 0
    reader.stopped.set()
    reader.join()
    assert reader.missed == []
    assert set(reader.seen) == {1, 2}


def test_one_of_several_promoters_promotes(config: Config, arena: Path, mlops: Mlops) -> None:
    before = len(tables.events(config, HEART, ["promotion.done"]))
    done = together(
        arena,
        "from mlops_cli.services import promotion",
        f"sys.exit(main(['promote', '{HEART}', '--challenger', '--json']))",
    )
    decisions = [
        (each.code, json.loads(each.out)["data"]["results"][0]["decision"])
        for each in done
        if each.code != 75
    ]
    assert decisions.count((0, "promoted")) == 1
    assert set(decisions) <= {(0, "promoted"), (6, "no_challenger")}
    assert registry.aliases(config, HEART) == {"champion": 2}
    assert len(tables.events(config, HEART, ["promotion.done"])) == before + 1
    assert mlops("audit", "verify").code == 0


def test_trainings_at_once_make_a_version_each(config: Config, arena: Path, mlops: Mlops) -> None:
    newest = registry.versions(config, HEART)[-1].number
    done = together(
        arena,
        "from mlops_cli.services import training",
        f"sys.exit(main(['train', '{HEART}', '--json']))",
        count=2,
    )
    assert [each.code for each in done] == [0, 0]
    made = {json.loads(each.out)["data"]["version"] for each in done}
    assert made == {newest + 1, newest + 2}
    assert registry.aliases(config, HEART) == {"champion": 1, "challenger": newest + 2}
    assert mlops("audit", "verify").code == 0


APPEND = """
from mlops_cli.config import load_config
from mlops_cli.backends import tables
config = load_config(Path("config.yaml"))
"""


def test_events_of_several_processes_are_one_chain(tmp_path: Path, mlops: Mlops) -> None:
    """The log does not exist yet when they start."""
    mlops("init", tmp_path)
    each = "for n in range(50): tables.append(config, 'test.event', details={'n': n, 'by': mine})"
    done = together(tmp_path, APPEND, each)
    assert [child.code for child in done] == [0] * PROCESSES
    run = mlops("audit", "verify", "--config", tmp_path / "config.yaml", "--json")
    assert (run.code, run.data["intact"], run.data["events"]) == (0, True, 200)
    events = tables.events(load_config(tmp_path / "config.yaml"))
    numbers = [e.details["n"] for e in events if e.details["by"] == "process0"]
    assert numbers == list(range(50))


PREDICTION = """
from datetime import UTC, datetime
from mlops_cli.domain.records import LoggedPrediction
def row(n, mine):
    return LoggedPrediction(f"{mine}-{n}", datetime.now(UTC), "m", 1, None, 0.0, 0.5, {}, None)
"""


def test_predictions_of_several_processes_are_all_kept(tmp_path: Path, mlops: Mlops) -> None:
    mlops("init", tmp_path)
    each = "for n in range(50): tables.log_predictions(config, [row(n, mine)])"
    done = together(tmp_path, APPEND + PREDICTION, each)
    assert [child.code for child in done] == [0] * PROCESSES
    config = load_config(tmp_path / "config.yaml")
    assert all(tables.prediction(config, f"process{n}-49") for n in range(PROCESSES))


RUN = f"""
table = registry.TrainingTable("d", "/labels", {{"age": "int"}}, 1)
run = registry.FinishedRun(mine, "{HEART}", 1, 2, {{}}, {{}}, {{}}, table)
print(registry.send(config, run, config.root / "nothing", None, lambda _: None))
"""


def test_several_first_starts_all_work(tmp_path: Path, mlops: Mlops) -> None:
    """MLflow itself loses three of four when they make the tables of an empty database."""
    mlops("init", tmp_path)
    done = together(tmp_path, f"{APPEND}from mlops_cli.backends import registry", RUN)
    assert [each.code for each in done] == [0] * PROCESSES
    config = load_config(tmp_path / "config.yaml")
    assert {registry.run_status(config, each.out.strip())[0] for each in done} == {"FINISHED"}
