"""What travels with a model: how its inputs are read and what its output means."""

import hashlib
from typing import Self

from mlops_cli.config import FeatureConfig, ModelConfig
from mlops_cli.config.section import Section
from mlops_cli.config.tasks import Task
from mlops_cli.config.training import HoldoutConfig
from mlops_cli.domain.calibration import Calibration


class Contract(Section):
    """The part of the configuration that a model was trained under, kept beside its trees.

    A version is always read with its own contract, so that editing config.yaml cannot change
    what an old champion predicts.
    """

    model: str
    task: Task
    entity: str
    keys: tuple[str, ...]
    """The columns that identify a row, the entity first."""
    label: str
    classes: tuple[str, ...] = ()
    """The words of the label, where the task is multiclass; scores have them in this order."""
    features: dict[str, FeatureConfig]
    threshold: float
    """As configured, or as a rule has found it in training."""
    calibration: Calibration | None = None
    """What makes the trees' scores probabilities; all else is said of those."""
    bands: dict[str, float]
    holdout: HoldoutConfig
    reference_entities: int
    """Distinct entities behind the reference rows: the effective sample size of drift checks."""
    dataset_digest: str

    @classmethod
    def of(
        cls,
        name: str,
        model: ModelConfig,
        features: dict[str, FeatureConfig],
        entities: int,
        dataset_digest: str,
        *,
        threshold: float,
        calibration: Calibration | None,
    ) -> Self:
        """Take the contract from the configuration, the training set and what was found in it."""
        return cls(
            model=name,
            task=model.task,
            entity=model.entity,
            keys=model.keys,
            label=model.labels.column,
            classes=model.labels.classes,
            features=features,
            threshold=threshold,
            calibration=calibration,
            bands=model.bands,
            holdout=model.holdout,
            reference_entities=entities,
            dataset_digest=dataset_digest,
        )

    @property
    def inputs(self) -> dict[str, FeatureConfig]:
        """The features that the model reads, in order."""
        return {name: spec for name, spec in self.features.items() if spec.input}

    @property
    def decision_digest(self) -> str:
        """A digest of all but the trees that a prediction is made by.

        What is left at its default is left out, so that new keys leave old digests as they are.
        """
        text = self.model_dump_json(include=DECIDES, exclude_defaults=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def band(self, prediction: float) -> str | None:
        """Return the name of the band with the highest limit that the prediction reaches."""
        reached = [(low, name) for name, low in self.bands.items() if prediction >= low]
        return max(reached)[1] if reached else None


DECIDES = {"features", "threshold", "calibration", "bands", "classes"}
POLICY = {
    "task", "primary_metric", "metrics", "threshold", "holdout", "gates", "protected", "fairness",
}  # fmt: skip


def policy_digest(model: ModelConfig) -> str:
    """Return a digest of everything that a promotion of this model is decided by."""
    policy = model.model_dump_json(include=POLICY)
    return hashlib.sha256(policy.encode()).hexdigest()
