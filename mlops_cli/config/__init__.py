"""What config.yaml says, validated: `load_config(path) -> Config`."""

from mlops_cli.config.loading import Origin, json_schema, load_config, origins
from mlops_cli.config.masking import masked
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
    "Origin",
    "SearchConfig",
    "json_schema",
    "load_config",
    "masked",
    "origins",
]
