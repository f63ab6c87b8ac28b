"""What a command loads, and where each outside tool is used."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT

PACKAGE = ROOT / "mlops_cli"
HEAVY = {
    "pandas", "numpy", "scipy", "pyarrow", "mlflow", "feast", "xgboost", "shap", "evidently",
    "hyperopt", "sklearn", "matplotlib", "sqlalchemy", "pandera",
}  # fmt: skip
CHILD = """
import json, sys
from mlops_cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
json.dump({"code": code or 0, "loaded": sorted({name.partition(".")[0] for name in sys.modules})},
          sys.stderr)
"""
COMPLETION = {"_MLOPS_COMPLETE": "complete_bash", "COMP_WORDS": "mlops fea", "COMP_CWORD": "1"}


def run(*words: str, **environ: str) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    """Run a command in a fresh process; return it and what it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words],
        cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done, json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "words",
    [("--help",), ("--version",), ("config", "check"), ("config", "show"), ("train", "--help"),
     ("features", "--help"), ("predict", "--help"), ("trian",), ("train",)],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_does_no_work_loads_no_library(words: tuple[str, ...]) -> None:
    done, told = run(*words)
    assert done.stdout or told["code"] == 2
    assert not HEAVY & set(told["loaded"])


def test_shell_completion_loads_no_library() -> None:
    done, told = run(**COMPLETION)
    assert "features" in done.stdout
    assert not HEAVY & set(told["loaded"])


def test_the_registry_from_the_shell_loads_no_feature_store_and_no_trees(hospital: Path) -> None:
    _, told = run("models", "list", "--config", str(hospital / "config.yaml"))
    assert told["code"] == 0
    unneeded = {"feast", "xgboost", "shap", "evidently", "hyperopt", "matplotlib"}
    assert not unneeded & set(told["loaded"])


def users(tool: str) -> set[str]:
    """Return the files of the package that import a tool, anywhere in them."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.partition(".")[0] == tool for name in names):
                found.add(str(path.relative_to(PACKAGE)))
    return found


@pytest.mark.parametrize(
    ("tool", "files"),
    [("xgboost", {f"estimator/{part}.py" for part in ("folds", "models", "parameters")}),
     ("hyperopt", {"search.py"}),
     ("shap", {"explain.py"}), ("evidently", {"drift_report.py"}), ("pandera", {"table_checks.py"}),
     ("sklearn", {"linear.py"}), ("jinja2", {"report_page.py"}), ("matplotlib", {"explain.py"}),
     ],
)  # fmt: skip
def test_each_outside_tool_has_its_file(tool: str, files: set[str]) -> None:
    assert users(tool) == {f"backends/{name}" for name in files}


def test_feast_is_imported_in_its_backend_alone() -> None:
    assert {Path(file).parent.as_posix() for file in users("feast")} == {"backends/feature_store"}


def test_mlflow_is_imported_in_the_registry_alone() -> None:
    assert {Path(file).parent.as_posix() for file in users("mlflow")} == {"backends/registry"}
