"""What config.yaml says, validated: `load_config(path) -> Config`."""

from mlops_cli.config.model import (
    DriftConfig,
    FairnessConfig,
    FeatureConfig,
    FeatureViewConfig,
    GatesConfig,
    ModelConfig,
    SearchConfig,
)
from mlops_cli.config.sections import Config

__all__ = [
    "Config",
    "DriftConfig",
    "FairnessConfig",
    "FeatureConfig",
    "FeatureViewConfig",
    "GatesConfig",
    "ModelConfig",
    "SearchConfig",
]
