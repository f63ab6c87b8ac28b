"""Files of runs and models, wherever MLflow keeps them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from mlops_cli.config.masking import mask_text
from mlops_cli.errors import MlopsError, UnavailableError, first_line


def upload(
    uri: str, tracking_uri: str, folder: Path, place: str, between: Callable[[], None]
) -> None:
    """Store the files of a folder, one after the other, over what is there under their names.

    Args:
        uri: MLflow's artifact location.
        tracking_uri: the server that may have to pass the files on.
        folder: what to store.
        place: where below the location, "" for the location itself.
        between: is called before each file, and may raise.

    Raises:
        UnavailableError: The store cannot be reached or written to.
    """
    with _store(uri, tracking_uri) as store:
        for path in _files(folder):
            between()
            target = PurePosixPath(place, path.parent.relative_to(folder).as_posix()).as_posix()
            store.log_artifact(str(path), None if target == "." else target)


def missing(uri: str, tracking_uri: str, folder: Path, place: str) -> list[str]:
    """Return the files of a folder that are not stored, or not in their size."""
    wanted = {
        PurePosixPath(place, path.relative_to(folder).as_posix()): path for path in _files(folder)
    }
    with _store(uri, tracking_uri) as store:
        stored = {
            PurePosixPath(each.path): each.file_size
            for parent in {name.parent.as_posix() for name in wanted}
            for each in store.list_artifacts(None if parent == "." else parent)
        }
    return [
        str(name)
        for name, path in wanted.items()
        if name not in stored or stored[name] not in {None, path.stat().st_size}
    ]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@contextmanager
def _store(uri: str, tracking_uri: str) -> Iterator[ArtifactRepository]:
    """Yield the store behind a location, with its exceptions in our words."""
    try:
        yield get_artifact_repository(uri, tracking_uri)
    except MlopsError:
        raise
    except Exception as error:  # each kind of store has its own
        raise UnavailableError(
            f"artifacts at {mask_text(uri)} cannot be stored: {mask_text(first_line(error))}",
            "try again later",
        ) from error
