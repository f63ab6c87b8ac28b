"""Runs that are in MLflow already, and their doubles."""

from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities import Run

KEY, TRIAL, SOURCE = "mlops.key", "mlops.trial", "mlops.source"
_PAGE = 1000


def runs(client: MlflowClient, experiment: str, tag: str, value: str) -> list[Run]:
    """Return every run with a tag of this value, page by page."""
    found, token = list[Run](), None
    while True:
        query = f"tags.`{tag}` = '{value}'"
        page = client.search_runs([experiment], query, max_results=_PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def single(client: MlflowClient, doubles: Sequence[Run]) -> Run:
    """Return the run to which most was written, and delete the others.

    MLflow repeats a request that has timed out, and a slow server may have answered both.
    """
    first, *others = sorted(
        doubles,
        key=lambda each: (
            SOURCE not in each.data.tags,
            each.info.status != "FINISHED",
            each.info.run_id,
        ),
    )
    for each in others:
        client.delete_run(each.info.run_id)
    return first
