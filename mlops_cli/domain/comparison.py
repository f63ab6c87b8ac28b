"""Whether two versions can be judged on the same rows, and what those rows cannot tell."""

from collections.abc import Collection

import pandas as pd

from mlops_cli.config import ModelConfig
from mlops_cli.domain.contract import Contract
from mlops_cli.domain.results.judging import Gate, Verdict

CROSSING = "mlops_crossing"
"""The column of held out rows whose entity also had labels outside the holdout.

The challenger was trained without those; a champion of before the held out rows were there was
trained with them, and would be judged on entities that it has seen.
"""


def unseen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the held out rows of entities that no version can have been trained on.

    >>> unseen(pd.DataFrame({"age": [41, 52], CROSSING: [True, False]}))
       age  mlops_crossing
    1   52           False
    """
    return rows if CROSSING not in rows else rows[~rows[CROSSING].astype(bool)]


def obstacle(champion: Contract, challenger: Contract, rows: pd.DataFrame) -> Gate | None:
    """Return why the champion cannot be judged on the challenger's rows, or None if it can.

    Args:
        champion: What the champion was trained under.
        challenger: What the challenger was trained under.
        rows: The challenger's held out rows, as `unseen` returns them.
    """
    if champion.holdout != challenger.holdout:
        return _undecided("the holdout was changed: the champion may have seen these rows")
    for part in ("task", "label", "entity", "classes"):
        was, now = (_said(getattr(each, part)) for each in (champion, challenger))
        if was != now:
            return _undecided(f"the champion has {part} {was}, the challenger {now}")
    if missing := set(champion.inputs) - set(rows.columns):
        return _undecided(f"the champion needs {min(missing)}, which the rows do not have")
    if rows.empty:
        return _undecided("the champion may have seen every held out entity: all have other labels")
    return None


def _said(part: str | tuple[str, ...]) -> str:
    return part if isinstance(part, str) else ", ".join(part)


def _undecided(message: str) -> Gate:
    return Gate("evidence", Verdict.INCONCLUSIVE, message)


def unmeasured(model: ModelConfig, columns: Collection[str]) -> tuple[Gate, ...]:
    """Return a gate for each protected attribute that the held out rows do not have."""
    return tuple(
        Gate(
            f"fairness:{name}",
            Verdict.INCONCLUSIVE,
            f"the challenger was trained before {name} was a feature: train it again",
        )
        for name in model.protected
        if name not in columns
    )
