"""Redis, PostgreSQL and MLflow on loopback, started for the tests that need them."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

POSTGRES_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def program(name: str) -> str:
    """Return the path of a server's program.

    Where it is not installed the test is skipped; in CI it fails, so that nothing goes untested.
    """
    path = os.pathsep.join([os.environ["PATH"], *map(str, POSTGRES_PLACES)])
    found = shutil.which(name, path=path)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait(port: int, ready: Callable[[], bool]) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0 and ready():
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers on port {port}")


def account() -> str | None:
    """Return an unprivileged account for PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """A Redis server; yields the `online_store` section."""
    server, port = program("redis-server"), free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
        try:
            wait(port, lambda: True)
            yield f"{{type: redis, connection_string: '127.0.0.1:{port}'}}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    """A PostgreSQL server with the user `mlops` and the database `postgres`; yields its port."""
    initdb, server, ready = program("initdb"), program("postgres"), program("pg_isready")
    port, user = free_port(), account()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir(mode=0o700)
        Path(scratch).chmod(0o755)
        if user:
            shutil.chown(folder, user)
        subprocess.run(
            [initdb, "-D", folder, "-U", "mlops", "-A", "trust", "-E", "UTF8"],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        options = ["-D", folder, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
        process = subprocess.Popen(
            [server, *options], user=user, cwd=folder, stderr=subprocess.DEVNULL
        )
        try:
            wait(
                port,
                lambda: subprocess.run(
                    [ready, "-h", "127.0.0.1", "-p", str(port)], check=False, capture_output=True
                ).returncode == 0,
            )  # fmt: skip
            yield port
        finally:
            process.send_signal(signal.SIGINT)  # at once, whoever is connected
            process.wait(30)


@pytest.fixture(scope="session")
def postgres(postgres_port: int) -> str:
    """The `online_store` section of a PostgreSQL server."""
    place = f"host: 127.0.0.1, port: {postgres_port}, database: postgres, db_schema: public"
    return f"{{type: postgres, {place}, user: mlops, password: none, sslmode: disable}}"


@pytest.fixture(scope="session")
def postgres_url(postgres_port: int) -> str:
    """The SQLAlchemy URL of a PostgreSQL server."""
    return f"postgresql+psycopg://mlops@127.0.0.1:{postgres_port}/postgres"


@pytest.fixture(scope="session")
def tracking_server() -> Iterator[str]:
    """MLflow's own server on SQLite, which also passes artifacts on; yields its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = [
            "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--serve-artifacts",
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
            "--artifacts-destination", f"{folder}/artifacts",
        ]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options],
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait(port, lambda: _healthy(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).ok
    except requests.RequestException:
        return False
