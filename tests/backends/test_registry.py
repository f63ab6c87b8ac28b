"""MLflow behind our functions: what is not there, what cannot be reached, what was damaged."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import build, quietly

from mlops_cli.backends import estimator, registry
from mlops_cli.backends.estimator import models
from mlops_cli.backends.registry import connection
from mlops_cli.config import Config, load_config
from mlops_cli.errors import IntegrityError, NotFoundError, UnavailableError

HEART = "heart_disease"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A project with two versions; tests put back what they break."""
    folder = build(tmp_path_factory.mktemp("registry"))
    quietly(folder, "train", HEART)
    quietly(folder, "train", HEART)
    return load_config(folder / "config.yaml")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def at(config: Config, uri: str) -> Config:
    """The same project with its MLflow elsewhere."""
    tracking = config.tracking.model_copy(update={"uri": uri, "timeout": 1})
    return config.model_copy(update={"tracking": tracking})


def folder_of(config: Config, number: int = 1) -> tuple[Path, str]:
    return registry.files_of(config, registry.version(config, HEART, number))


# What is not there


def test_a_model_without_versions_has_no_aliases(trained: Config) -> None:
    assert registry.aliases(trained, "readmission") == {}


def test_a_model_without_versions_has_no_versions(trained: Config) -> None:
    assert registry.versions(trained, "readmission") == []


def test_a_model_without_versions_has_no_champion(trained: Config) -> None:
    assert registry.by_alias(trained, "readmission", "champion") is None
    with pytest.raises(NotFoundError, match="readmission has no champion"):
        registry.champion(trained, "readmission")


@pytest.mark.parametrize("number", [3, 0, -1])
def test_an_unknown_version(trained: Config, number: int) -> None:
    with pytest.raises(NotFoundError, match=f"no version {number} of heart_disease"):
        registry.version(trained, HEART, number)


def test_an_unknown_run(trained: Config) -> None:
    with pytest.raises(NotFoundError, match="no run 'nope'"):
        registry.run_status(trained, "nope")


def test_files_that_are_gone(trained: Config) -> None:
    with pytest.raises(NotFoundError, match="gone"):
        registry.fetch(trained, "models:/m-00000000000000000000000000000000")


# Aliases


def test_the_newest_version_is_the_challenger(trained: Config) -> None:
    assert registry.aliases(trained, HEART) == {"challenger": 2}


def test_an_alias_moves_and_goes(trained: Config) -> None:
    registry.set_alias(trained, HEART, "shadow", 1)
    registry.set_alias(trained, HEART, "shadow", 2)
    assert registry.aliases(trained, HEART) == {"challenger": 2, "shadow": 2}
    registry.drop_alias(trained, HEART, "shadow")
    assert registry.aliases(trained, HEART) == {"challenger": 2}


def test_versions_come_oldest_first_with_their_aliases(trained: Config) -> None:
    found = [(each.number, each.aliases) for each in registry.versions(trained, HEART)]
    assert found == [(1, ()), (2, ("challenger",))]


# Several MLflow databases in one process


def test_two_projects_in_one_process_do_not_mix(
    trained: Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """MLflow looks up what a version is made of at one address for the whole process."""
    folder = build(tmp_path_factory.mktemp("other"))
    other = load_config(folder / "config.yaml")
    assert registry.aliases(other, HEART) == {}
    _, tags = registry.run_status(trained, registry.version(trained, HEART, 1).run_id)
    run_id = registry.version(trained, HEART, 1).run_id
    made = registry.create_version(trained, HEART, run_id, tags["mlops.source"], {})
    assert made.number == 3
    assert registry.aliases(other, HEART) == {}


# A server that cannot be reached

ASKING: dict[str, Callable[[Config], object]] = {
    "aliases": lambda config: registry.aliases(config, HEART),
    "versions": lambda config: registry.versions(config, HEART),
    "version": lambda config: registry.version(config, HEART, 1),
    "champion": lambda config: registry.champion(config, HEART),
    "run_status": lambda config: registry.run_status(config, "0" * 32),
    "fetch": lambda config: registry.fetch(config, "models:/m-00000000000000000000000000000000"),
    "set_alias": lambda config: registry.set_alias(config, HEART, "champion", 1),
}


@pytest.mark.parametrize("ask", ASKING)
def test_an_unreachable_server_is_said_to_be_unreachable(trained: Config, ask: str) -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9 cannot be reached"):
        ASKING[ask](at(trained, "http://127.0.0.1:9"))


def test_a_server_that_never_answers_is_given_up_in_time(trained: Config, silent: str) -> None:
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="cannot be reached"):
        registry.aliases(at(trained, silent), HEART)
    assert time.monotonic() - started < 20


def test_a_server_that_goes_away_after_the_first_answer(trained: Config) -> None:
    """A client that was connected once is kept; what it asks later can still fail."""
    uri = "http://127.0.0.1:9/later"
    client = connection.MlflowClient(uri, uri)
    elsewhere = at(trained, uri)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_client", lambda *_: client)
        for ask in ("fetch", "aliases"):
            with pytest.raises(UnavailableError):
                ASKING[ask](elsewhere)


def test_a_secret_in_the_address_is_not_shown(trained: Config) -> None:
    with pytest.raises(UnavailableError) as caught:
        registry.aliases(at(trained, "http://me:secret@127.0.0.1:9"), HEART)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_none(trained: Config, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, and it is long enough\n" * 99)
    with pytest.raises(UnavailableError, match=r"mlflow\.db cannot be reached"):
        registry.aliases(at(trained, f"sqlite:///{tmp_path}/mlflow.db"), HEART)


# Damage to the files of a version


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def extended(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def removed(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [truncated, emptied, flipped, extended, removed])
@pytest.mark.parametrize(
    "file",
    [
        "model.ubj", "contract.json", "manifest.json", "holdout.parquet", "reference.parquet",
        "MLmodel",
    ],
)  # fmt: skip
def test_damage_is_found_before_anything_is_parsed(
    trained: Config, monkeypatch: pytest.MonkeyPatch, file: str, damage: Callable[[Path], None]
) -> None:
    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("a damaged folder was parsed")

    monkeypatch.setattr(models.xgb, "Booster", parsed)
    monkeypatch.setattr(models.Contract, "model_validate_json", parsed)
    folder, manifest = folder_of(trained)
    whole = (folder / file).read_bytes()
    try:
        damage(folder / file)
        with pytest.raises(IntegrityError, match=file.replace(".", r"\.")):
            estimator.load(folder, manifest)
    finally:
        (folder / file).write_bytes(whole)


@pytest.mark.parametrize(
    "tampered",
    [
        "flavors:\n  python_function:\n    loader_module: os\n",
        "flavors:\n  python_function:\n    code: code\n    loader_module: mine\n",
        "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    serialization_format: pickle\n",
    ],
)
def test_code_smuggled_into_mlmodel_is_refused(trained: Config, tampered: str) -> None:
    folder, manifest = folder_of(trained)
    whole = (folder / "MLmodel").read_text()
    try:
        (folder / "MLmodel").write_text(tampered)
        with pytest.raises(IntegrityError, match="MLmodel"):
            estimator.load(folder, manifest)
    finally:
        (folder / "MLmodel").write_text(whole)


def test_a_folder_of_another_version_is_refused(trained: Config) -> None:
    """Both are whole; only the digest that was registered tells them apart."""
    (first, _), (_, other) = folder_of(trained, 1), folder_of(trained, 2)
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        estimator.load(first, other)


def test_a_version_without_a_digest_is_refused(trained: Config) -> None:
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        estimator.load(folder_of(trained)[0], "")
