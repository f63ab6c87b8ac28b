"""`features validate`: do the source tables hold what config.yaml says?"""

from dataclasses import dataclass
from pathlib import Path

from mlops_cli.backends import files, table_checks
from mlops_cli.config import Config
from mlops_cli.domain.results import TableFinding


@dataclass(frozen=True)
class ValidationResult:
    """The findings in the tables of one model."""

    model: str
    tables: int
    findings: tuple[TableFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether every table is as configured."""
        return not self.findings


def validate(config: Config, name: str) -> ValidationResult:
    """Check every view and the labels of a model against types, ranges and categories."""
    model = config.models[name]
    findings: list[TableFinding] = []
    count = 0
    for view_name, view in model.feature_views.items():
        if view.source is None:
            continue
        frame = files.read_source(Path(view.source))
        columns = (model.entity, view.timestamp, *filter(None, [view.created]))
        findings += table_checks.check(view_name, frame, columns, view.features)
        count += 1
    labels = files.read_source(Path(model.labels.source))
    findings += table_checks.check_labels(
        labels, (model.entity, model.labels.timestamp), model.labels.column, model.task
    )
    return ValidationResult(name, count + 1, tuple(findings))
