import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_cli.config import Config, json_schema, load_config, masked, origins
from mlops_cli.config.values import parse_duration
from mlops_cli.errors import ConfigError

DURATION = "^[0-9]{1,6}[smhdw]$"


def test_valid_file_is_read(write):
    config = load_config(write(), {})

    assert (config.project, config.models["heart"].search.trials) == ("clinic", 5)


def test_places_are_relative_to_the_file_and_not_to_the_working_directory(
    write, tmp_path, monkeypatch
):
    path = write()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    config = load_config(Path(os.path.relpath(path)), {})

    source = config.models["heart"].feature_views["vitals"].source
    assert os.path.normpath(source) == str(tmp_path / "data/vitals.parquet")


def test_default_places_are_relative_to_the_file_too(write, tmp_path):
    config = load_config(write(), {})

    assert config.state == str(tmp_path / ".mlops")
    assert config.logs.audit == f"sqlite:///{tmp_path}/.mlops/audit.db"
    assert config.tracking.uri == f"sqlite:///{tmp_path}/runs.db"


def test_config_knows_its_file(write, tmp_path):
    config = load_config(write(), {})

    assert (config.path, config.root) == (tmp_path / "config.yaml", tmp_path)


def test_a_linked_file_is_relative_to_the_link(write, tmp_path):
    link = tmp_path / "linked" / "config.yaml"
    link.parent.mkdir()
    link.symlink_to(write())

    assert load_config(link, {}).root == link.parent


def test_a_byte_order_mark_is_ignored(write):
    path = write()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert load_config(path, {}).project == "clinic"


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="no such file") as caught:
        load_config(tmp_path / "config.yaml", {})

    assert caught.value.hint == "run mlops init or pass --config FILE"


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


def test_text_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes("project: klinik\n# für\n".encode("latin-1"))

    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(path, {})


def test_an_endless_file_is_refused():
    with pytest.raises(ConfigError, match="longer than"):
        load_config(Path("/dev/zero"), {})


def test_environment_of_the_process_is_the_default(write, monkeypatch):
    monkeypatch.setenv("MLOPS_SEED", "11")

    assert load_config(write()).seed == 11


def test_effective_configuration_reads_as_itself(write):
    config = load_config(write(), {})

    assert masked(Config.model_validate(masked(config))) == masked(config)


def test_origins_name_line_variable_or_default(write):
    found = {
        origin.key: (origin.value, origin.origin)
        for origin in origins(write(), {"MLOPS_MODELS__HEART__SEARCH__FOLDS": "3"})
    }

    assert found["models.heart.search.trials"] == (5, "config.yaml:22")
    assert found["models.heart.search.folds"] == (
        3,
        "environment MLOPS_MODELS__HEART__SEARCH__FOLDS",
    )
    assert found["models.heart.search.repeats"] == (None, "default")
    assert found["models.heart.feature_views.vitals.features.age.range"] == (
        [18.0, 100.0],
        "config.yaml:16",
    )


def test_origins_mask_secrets(write):
    variables = {"MLOPS_TRACKING__URI": "postgresql://ml:hunter2@db/runs"}

    assert "hunter2" not in repr(origins(write(), variables))


def test_schema_describes_every_key():
    schema = json_schema()

    sections = [schema, *schema["$defs"].values()]
    assert all("description" in key for part in sections for key in part["properties"].values())


def test_a_default_is_written_as_config_yaml_takes_it():
    defaults = {
        (name, key): spec["default"]
        for name, section in json_schema()["$defs"].items()
        for key, spec in section.get("properties", {}).items()
        if spec.get("pattern") == DURATION and "default" in spec
    }
    assert defaults["LabelsConfig", "delay"] == "0s"
    for value in defaults.values():
        assert isinstance(parse_duration(value), timedelta)


def test_reading_a_configuration_loads_no_heavy_library(write):
    code = (
        "import sys; from pathlib import Path; from mlops_cli.config import load_config;"
        f"load_config(Path({str(write())!r}), {{}});"
        "print({'pandas', 'numpy', 'mlflow', 'feast'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
