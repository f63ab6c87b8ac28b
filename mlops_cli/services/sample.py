"""`features generate`: the tables of the sample hospital."""

from datetime import UTC, datetime
from pathlib import Path

from mlops_cli.backends import files, tables
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import hospital
from mlops_cli.domain.hospital import HospitalTables
from mlops_cli.domain.results.tables import Written
from mlops_cli.errors import InputError

NEW_PATIENTS = "new_patients.csv"
DRIFTED_PATIENTS = "drifted_patients.csv"


def generate(
    config: Config, patients: int, months: int, drift: bool, end: datetime | None = None
) -> list[Written]:
    """Write the sample hospital's tables to the sources that config.yaml names.

    Raises:
        InputError: config.yaml has none of the sample's models, or a model of that name has tables
            that were imported: those are never replaced by samples.
    """
    end = end or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    made = hospital.generate(patients, months, config.seed, end, drift)
    fitting = {
        name: (config.models[name], sample)
        for name, sample in made.items()
        if name in config.models and _fits(config.models[name], sample)
    }
    if not fitting:
        raise InputError(
            "config.yaml has none of the sample hospital's models",
            "`mlops init DIR` writes the sample project; import your own tables into this one",
        )
    with files.lock(config.state, "features"):
        for event in tables.events(config, actions=["features.imported"]):
            if event.model in fitting:
                raise InputError(
                    f"{event.model} has imported tables, which samples would replace",
                    "`mlops init DIR` writes a sample project of its own",
                )
        written = [each for model, sample in fitting.values() for each in _write(model, sample)]
        tables.append(config, "features.generated", details={"files": len(written), "drift": drift})
    return written


def _fits(model: ModelConfig, sample: HospitalTables) -> bool:
    """Return whether a model has the sample's views, and files of ours behind them."""
    views = model.feature_views
    return set(sample.views) == set(views) and all(view.source for view in views.values())


def _write(model: ModelConfig, sample: HospitalTables) -> list[Written]:
    labels = Path(model.labels.source)
    parts = {Path(str(model.feature_views[name].source)): t for name, t in sample.views.items()}
    parts |= {labels: sample.labels, labels.parent / NEW_PATIENTS: sample.new_patients}
    if sample.drifted_patients is not None:
        parts[labels.parent / DRIFTED_PATIENTS] = sample.drifted_patients
    for path, frame in parts.items():
        files.write_table(path, frame, model.features)
    return [Written(str(path), len(frame)) for path, frame in parts.items()]
