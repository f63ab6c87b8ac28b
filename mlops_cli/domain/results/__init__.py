"""The frozen values that domain functions and services return, and that `--json` prints."""
