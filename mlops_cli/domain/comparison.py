"""Whether two versions can be judged on the same rows, and what those rows cannot tell."""

from collections.abc import Collection

from mlops_cli.config import ModelConfig
from mlops_cli.domain.contract import Contract
from mlops_cli.domain.results import Gate, Verdict


def obstacle(champion: Contract, challenger: Contract, columns: Collection[str]) -> Gate | None:
    """Return why the champion cannot be judged on the challenger's rows, or None if it can.

    Args:
        champion: What the champion was trained under.
        challenger: What the challenger was trained under.
        columns: The columns of the challenger's held out rows.
    """
    if champion.holdout != challenger.holdout:
        return _undecided("the holdout was changed: the champion may have seen these rows")
    for part in ("task", "label", "entity"):
        if (was := getattr(champion, part)) != (now := getattr(challenger, part)):
            return _undecided(f"the champion has {part} {was}, the challenger {now}")
    if missing := set(champion.inputs) - set(columns):
        return _undecided(f"the champion needs {min(missing)}, which the rows do not have")
    return None


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
