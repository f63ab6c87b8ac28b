"""One model, one block: what may be written under `models.NAME`, and every default."""

from typing import Self

from pydantic import Field, model_validator

from mlops_cli.config.deciding import (
    Calibrating,
    ClassWeight,
    Device,
    Output,
    Threshold,
    ThresholdConfig,
)
from mlops_cli.config.expression import Kind, kind_of, parse
from mlops_cli.config.features import FeatureConfig, FeatureViewConfig, LabelsConfig
from mlops_cli.config.imports import ImportConfig
from mlops_cli.config.limits import DriftConfig, FairnessConfig, GatesConfig, ProtectedConfig
from mlops_cli.config.section import MisfitError, Section
from mlops_cli.config.tasks import TASK_FAIRNESS, TASK_METRICS, FairnessMetric, Metric, Task
from mlops_cli.config.training import HoldoutConfig, SearchConfig
from mlops_cli.config.values import Column, Name, Number
from mlops_cli.errors import nearest


class ModelConfig(Section):
    """One model, from its features to the limits it is watched by."""

    description: str = Field("", description="what the model predicts and for whom")
    task: Task = Field(description="classification (label 0 or 1) or regression (label a number)")
    entity: Column = Field(
        description="column that identifies what a row is about; ids are strings; held out whole"
    )
    feature_views: dict[Name, FeatureViewConfig] = Field(
        min_length=1, description="tables of features, by name"
    )
    derived: dict[Name, FeatureConfig] = Field(
        default_factory=dict, description="features computed from those of the views, by name"
    )
    imports: ImportConfig = Field(
        default_factory=ImportConfig, description="how a file of yours is read by features import"
    )
    labels: LabelsConfig = Field(description="where the truth comes from")
    output_range: tuple[Number, Number] | None = Field(
        None, description="regression: [0, 1] bounds the prediction (logistic objective)"
    )
    output: Output = Field(
        "value", description="regression: count for labels 0, 1, 2... (Poisson objective)"
    )
    primary_metric: Metric | None = Field(
        None, description="default: roc_auc (classification), rmse (regression)"
    )
    threshold: Threshold = Field(
        0.5,
        description="probability from which the predicted class is 1, or a rule that finds it: "
        "{rule: cost, false_positive: 1, false_negative: 5}, {rule: f_beta, beta: 2} or "
        "{rule: sensitivity, at_least: 0.9}",
    )
    calibration: Calibrating = Field(
        "auto",
        description="classification: how scores are made probabilities after training. auto: platt "
        "or isotonic (over 1,000 rows) if it lowers the log loss on unseen entities by more than "
        "its standard error, or if class_weight is set; else none",
    )
    class_weight: ClassWeight = Field(
        "none",
        description="classification: none, balanced (both classes weigh the same in all) or "
        "{positive: 3}. Weights distort the probabilities, which then need calibration",
    )
    device: Device = Field(
        "cpu",
        description="where trees are grown. cuda: on the GPU, or with a warning on the CPU where "
        "there is none; auto: on the GPU if there is one. The two grow different trees",
    )
    bands: dict[Name, Number] = Field(
        default_factory=dict,
        description="names for predictions by their lower limit, as {low: 0, high: 0.6}",
    )
    holdout: HoldoutConfig = Field(
        default_factory=HoldoutConfig, description="entities no version is trained on"
    )
    sites: Column | None = Field(
        None,
        description="feature or key that names the site of a row: each is left out in turn and "
        "measured; default: holdout.groups",
    )
    search: SearchConfig = Field(
        default_factory=SearchConfig, description="how parameters are searched"
    )
    protected: dict[Name, ProtectedConfig] = Field(
        default_factory=dict, description="features across whose groups fairness is measured"
    )
    slices: tuple[Name, ...] = Field(
        (),
        description="features by whose words or quartiles the model is also measured, as [ward]; "
        "the protected ones always are",
    )
    fairness: FairnessConfig = Field(
        default_factory=FairnessConfig, description="tolerated gaps between groups"
    )
    gates: GatesConfig = Field(
        default_factory=GatesConfig, description="what a challenger must show"
    )
    drift: DriftConfig = Field(default_factory=DriftConfig, description="when a change is an alarm")

    @property
    def stored(self) -> dict[str, FeatureConfig]:
        """The features that the views hold, in the order of the file."""
        return {
            name: spec
            for view in self.feature_views.values()
            for name, spec in view.features.items()
        }

    @property
    def features(self) -> dict[str, FeatureConfig]:
        """All features, the derived ones last: the one order used everywhere."""
        return {**self.stored, **self.derived}

    def view_keys(self, view: str) -> tuple[str, ...]:
        """The columns that identify a row of a view: those it names, or else the entity."""
        return self.feature_views[view].entity or (self.entity,)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row of the model: the entity, then what its views add."""
        named = [key for view in self.feature_views for key in self.view_keys(view)]
        return tuple(dict.fromkeys([self.entity, *named]))

    @property
    def entity_views(self) -> set[str]:
        """The views that say whether the entity is known: a known hospital is no known patient."""
        own = {view for view in self.feature_views if self.entity in self.view_keys(view)}
        return own or set(self.feature_views)

    @property
    def inputs(self) -> dict[str, FeatureConfig]:
        """The features that the model reads, in order."""
        return {name: spec for name, spec in self.features.items() if spec.input}

    @property
    def site(self) -> str | None:
        """The feature or key that names the site of a row, if any does."""
        return self.sites or self.holdout.groups

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return self.primary_metric or ("roc_auc" if self.task == "classification" else "rmse")

    @property
    def fairness_metrics(self) -> tuple[FairnessMetric, ...]:
        """The fairness metrics that apply to this task."""
        default: FairnessMetric = "equal_opportunity" if self.task == "classification" else "mae"
        return self.fairness.metrics or (default,)

    @model_validator(mode="after")
    def _words_fit(self) -> Self:
        for name in (self.metric, *self.gates.floor, *self.gates.not_worse):
            if name not in TASK_METRICS[self.task]:
                words = ", ".join(TASK_METRICS[self.task])
                raise ValueError(f"metric {name!r} does not fit {self.task}: use one of {words}")
        for fairness in self.fairness_metrics:
            if fairness not in TASK_FAIRNESS[self.task]:
                raise ValueError(f"fairness metric {fairness!r} does not fit {self.task}")
        bounded = self.output_range is not None
        if bounded and (self.task != "regression" or self.output_range != (0.0, 1.0)):
            raise ValueError("output_range is [0, 1] and belongs to regression")
        return self

    @model_validator(mode="after")
    def _decisions_fit(self) -> Self:
        counts = self.output == "count"
        if counts and (self.task != "regression" or self.output_range is not None):
            raise ValueError("output: count belongs to regression without an output_range")
        if self.task == "regression":
            only = {
                "a threshold rule": isinstance(self.threshold, ThresholdConfig),
                "class_weight": self.class_weight != "none",
                f"calibration: {self.calibration}": self.calibration not in {"auto", "none"},
            }
            if wrong := [what for what, written in only.items() if written]:
                raise ValueError(f"{wrong[0]} belongs to classification")
        if self.class_weight != "none" and "scale_pos_weight" in (self.search.space or ()):
            raise ValueError("class_weight and search.space.scale_pos_weight are the same thing")
        return self

    @model_validator(mode="after")
    def _features_are_distinct(self) -> Self:
        names = [name for view in self.feature_views.values() for name in view.features]
        if twice := set(names) & set(self.derived):
            raise ValueError(f"feature {min(twice)!r} is in a view and derived")
        names += self.derived
        reserved = {*self.keys, self.labels.column, self.labels.timestamp}
        reserved |= {view.timestamp for view in self.feature_views.values()}
        reserved |= {view.created for view in self.feature_views.values() if view.created}
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"feature {name!r} is defined in two feature views")
            if name in reserved:
                raise ValueError(f"feature {name!r} is also the entity, label or time column")
        if self.labels.column in {*self.keys, self.labels.timestamp}:
            raise ValueError(f"the label {self.labels.column!r} is also the entity or time column")
        if not any(spec.input for spec in self.features.values()):
            raise ValueError("no feature has input: true")
        return self

    @model_validator(mode="after")
    def _derived_can_be_computed(self) -> Self:
        kinds: dict[str, Kind] = {name: _kind(spec) for name, spec in self.stored.items()}
        for name, spec in self.derived.items():
            place = ("derived", name)
            if spec.expression is None:
                raise MisfitError(f"derived feature {name!r} needs an expression", *place)
            if spec.window is not None:
                wrong = f"derived feature {name!r}: a window belongs into a view"
                raise MisfitError(wrong, *place, "window")
            try:
                given = kind_of(parse(spec.expression), kinds)
            except ValueError as error:
                wrong = f"derived feature {name!r}: {error}"
                raise MisfitError(wrong, *place, "expression") from error
            if given != _kind(spec):
                wrong = f"derived feature {name!r} is {spec.type}, not {given}"
                raise MisfitError(wrong, *place, "type")
            kinds[name] = given
        return self

    @model_validator(mode="after")
    def _imports_name_our_columns(self) -> Self:
        stamps = {self.labels.timestamp, self.labels.column}
        for view in self.feature_views.values():
            stamps |= {view.timestamp, *filter(None, [view.created])}
        known = {*self.keys, *self.stored, *stamps}
        for part in ("columns", "sentinels", "words"):
            for name in getattr(self.imports, part):
                if name not in known:
                    hint = nearest(name, known)
                    raise ValueError(f"imports.{part}: {name!r} is no column of ours; {hint}")
        for name, words in self.imports.words.items():
            allowed = self.stored[name].categories if name in self.stored else ()
            if odd := [word for word in words.values() if allowed and word not in allowed]:
                raise ValueError(f"imports.words.{name}: {odd[0]!r} is no category of it")
        return self

    @model_validator(mode="after")
    def _sites_are_known(self) -> Self:
        for place, name in (("sites", self.sites), ("holdout.groups", self.holdout.groups)):
            spec = self.features.get(name or "")
            if name is None or name in self.keys[1:]:
                continue
            if name == self.entity:
                raise ValueError(f"{place} is the entity, which is kept whole anyway: name a site")
            if spec is None:
                raise ValueError(
                    f"{place}: {name!r} is neither a feature nor a key; "
                    "add it as a category with input: false"
                )
            if spec.type == "float":
                raise ValueError(f"{place}: {name!r} is a float; a site is a category or a number")
        return self

    @model_validator(mode="after")
    def _slices_are_features(self) -> Self:
        for name in self.slices:
            if name not in self.features:
                known = ", ".join(self.features)
                raise ValueError(f"slice {name!r} is not a feature; the features are {known}")
        return self

    @model_validator(mode="after")
    def _protected_have_groups(self) -> Self:
        for name, protected in self.protected.items():
            spec = self.features.get(name)
            if spec is None:
                raise ValueError(
                    f"protected attribute {name!r} is not a feature; add it with input: false"
                )
            if (spec.type in {"int", "float"}) != bool(protected.bins):
                raise ValueError(
                    f"protected attribute {name!r}: bins are for numbers, and numbers need them"
                )
        return self


def _kind(spec: FeatureConfig) -> Kind:
    return "text" if spec.type == "category" else "number"
