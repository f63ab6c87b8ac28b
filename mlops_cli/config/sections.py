"""The whole of config.yaml: stores, logs and models, and every default."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, model_validator

from mlops_cli.config.features import FeatureViewConfig
from mlops_cli.config.model import ModelConfig
from mlops_cli.config.section import Section
from mlops_cli.config.values import Database, Integer, LocalPlace, Name, Place


class FeatureStoreConfig(Section):
    """Feast: where definitions and the latest values are kept."""

    repo: LocalPlace | None = Field(
        None, description="an existing Feast repository, whose definitions are then used"
    )
    registry: Database = Field(
        "sqlite:///.mlops/feast_registry.db", description="SQLAlchemy URL of Feast's registry"
    )
    allow_udf: bool = Field(
        False, description="true: run the code (UDFs) that views of Feast's registry bring along"
    )
    online_store: dict[str, Any] = Field(
        default_factory=lambda: {"type": "sqlite"}, description="Feast's own online_store section"
    )


class TrackingConfig(Section):
    """MLflow: runs, models and their versions."""

    uri: Place = Field("sqlite:///.mlops/mlflow.db", description="MLflow tracking and registry URI")
    artifacts: Place = Field(
        ".mlops/artifacts", description="folder or URL for artifacts, when uri is a database"
    )
    timeout: Integer = Field(
        10, ge=1, description="seconds before an MLflow server counts as unreachable"
    )
    deadline: Integer = Field(
        600, ge=1, description="seconds for sending one finished run; then `mlops sync` sends it"
    )
    system_metrics: bool = Field(
        False, description="true: record processor, memory, disk and network while training"
    )


class LogsConfig(Section):
    """The two logs, each an SQLAlchemy URL."""

    inference: Database = Field(
        "sqlite:///.mlops/inference.db", description="every prediction with its features"
    )
    audit: Database = Field(
        "sqlite:///.mlops/audit.db", description="every change, decision and refusal, hash-chained"
    )


class Config(Section):
    """A whole config.yaml."""

    project: Name = Field(
        description="name of the project, as in MLflow's experiment and Feast's project"
    )
    seed: Integer = Field(7, ge=0, le=4_294_967_295, description="seed of everything random")
    state: LocalPlace = Field(".mlops", description="folder for locks, caches and reports")
    feature_store: FeatureStoreConfig = Field(
        default_factory=FeatureStoreConfig, description="Feast"
    )
    tracking: TrackingConfig = Field(default_factory=TrackingConfig, description="MLflow")
    logs: LogsConfig = Field(default_factory=LogsConfig, description="inference log and audit log")
    models: dict[Name, ModelConfig] = Field(min_length=1, description="the models, by name")

    @model_validator(mode="before")
    @classmethod
    def _sections_present(cls, data: Any) -> Any:
        """Give absent sections the chance to resolve their default places against the root."""
        return (
            {"feature_store": {}, "tracking": {}, "logs": {}, **data}
            if isinstance(data, dict)
            else data
        )

    _path: Path = PrivateAttr(default=Path("config.yaml"))

    def model_post_init(self, context: Any, /) -> None:
        """Remember the file, which the loader passes as context."""
        if context and "path" in context:
            self._path = context["path"]

    @property
    def path(self) -> Path:
        """The file this was read from."""
        return self._path

    @property
    def root(self) -> Path:
        """The folder that relative paths are relative to."""
        return self._path.parent

    @model_validator(mode="after")
    def _views_agree(self) -> Self:
        seen: dict[str, tuple[str, FeatureViewConfig, tuple[str, ...]]] = {}
        for model_name, model in self.models.items():
            for view_name, view in model.feature_views.items():
                if view.source is None and self.feature_store.repo is None:
                    raise ValueError(f"feature view {view_name!r} of {model_name!r} has no source")
                keys = model.view_keys(view_name)
                first, known, theirs = seen.setdefault(view_name, (model_name, view, keys))
                if known != view or theirs != keys:
                    raise ValueError(
                        f"feature view {view_name!r} differs between {first!r} and {model_name!r}"
                    )
        return self

    @model_validator(mode="after")
    def _sources_agree(self) -> Self:
        """Refuse what two models would write over each other's rows, each in its own columns."""
        held: dict[str, tuple[str, str, object]] = {}
        for model_name, model in self.models.items():
            tables: list[tuple[str | None, str, object]] = [
                (view.source, f"feature view {name!r}", (view, model.view_keys(name)))
                for name, view in model.feature_views.items()
            ]
            for source, table, kind in [*tables, (model.labels.source, "labels", "labels")]:
                if source is None:
                    continue
                first, theirs, known = held.setdefault(source, (model_name, table, kind))
                if first != model_name and known != kind:
                    raise ValueError(
                        f"{source} is the source of {theirs} of {first!r} and of {table} of "
                        f"{model_name!r}, which differ: give each its own, or share a view by name"
                    )
        return self
