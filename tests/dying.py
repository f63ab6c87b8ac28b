"""Commands killed from inside: in a child process, with a backend function that dies at work."""

import signal
import subprocess
import sys
from pathlib import Path

CHILD = """
import os, signal, sys
from mlops_cli.main import main
import mlops_cli.backends.{module} as module

original, calls = module.{function}, 0

def dying(*args, **options):
    global calls
    calls += 1
    if calls == {call} and "{moment}" == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*args, **options)
    if calls == {call} and "{moment}" == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

module.{function} = dying
sys.exit(main(sys.argv[1:]))
"""


def run_and_kill(folder: Path, step: str, *arguments: str) -> None:
    """Run a command that dies at a step such as `after registry.set_alias 1`."""
    moment, place, call = step.split()
    module, function = place.split(".")
    code = CHILD.format(module=module, function=function, moment=moment, call=call)
    child = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, check=False
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
