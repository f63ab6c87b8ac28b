"""What config.yaml says, validated: `load_config(path) -> Config`."""

from mlops_cli.config.budget import budgeted
from mlops_cli.config.features import FeatureConfig, FeatureViewConfig
from mlops_cli.config.limits import DriftConfig, FairnessConfig, GatesConfig
from mlops_cli.config.loading import Origin, json_schema, load_config, origins
from mlops_cli.config.masking import masked
from mlops_cli.config.model import ModelConfig
from mlops_cli.config.recording import recorded, restored
from mlops_cli.config.sections import Config
from mlops_cli.config.training import SearchConfig

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
    "budgeted",
    "json_schema",
    "load_config",
    "masked",
    "origins",
    "recorded",
    "restored",
]
