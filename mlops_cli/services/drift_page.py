"""`drift check --report`: the page beside a verdict.

It is apart from the check itself because Evidently takes five seconds to import: a check from cron
that asks for no page does not wait for it.
"""

from mlops_cli.backends.drift_report import render

__all__ = ["render"]
