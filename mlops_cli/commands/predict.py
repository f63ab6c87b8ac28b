"""`mlops predict`: online by entity, or from file to file."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import age, bar, number, table
from mlops_cli.errors import InputError

if TYPE_CHECKING:
    from mlops_cli.config import ModelConfig
    from mlops_cli.domain.results.prediction import Prediction

_SCALES = {
    "log odds": "log odds",
    "log": "the logarithm of the prediction",
    "margin of the class": "the margin of that class",
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app)(predict)


def predict(
    session: Session,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")],
    entities: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ENTITY]...", help="Ids, as PT000123, or patient_id=PT1,hospital_id=H2."
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="What each feature contributed.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse features older than their ttl (exit 7).")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Write the explanation as a picture: .png or .svg.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="Rows to predict: CSV, Parquet or JSONL, with a column for every feature of the "
            "views, those over a window too; derived ones are computed.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Where to write the predictions.")
    ] = None,
) -> Answer:
    """Predict with the champion; each prediction is in the inference log before you see it."""
    session.model(model)
    _check(entities, plot, source, output)
    if source and (explain or strict):
        raise InputError("--explain and --strict are for entities, not for --input")
    if source and output:
        return _batch(session, model, source, output)
    from mlops_cli.services import prediction

    found = prediction.predict(
        session.config, model, entities or [], explain or plot is not None, strict
    )
    for each in found:
        if each.expired:
            session.warn(
                f"{each.entity}: {len(each.expired)} features are older than their ttl and count"
                f" as missing: {', '.join(each.expired)}"
            )
        if each.unknown:
            session.warn(f"{each.entity}: nothing is known of {', '.join(each.unknown)}")
    if plot:
        from mlops_cli.services import explanation

        explanation.plot(found[0], plot)
    spec = session.model(model)
    return Answer({"predictions": found}, lambda: [p for e in found for p in _view(spec, e)])


def _check(
    entities: list[str] | None, plot: Path | None, source: Path | None, output: Path | None
) -> None:
    if bool(entities) == bool(source):
        raise InputError(
            "name entities, or else a file with --input", "as `mlops predict MODEL ENTITY`"
        )
    if bool(source) != bool(output):
        raise InputError("--input and --output belong together")
    if plot and len(entities or ()) != 1:
        raise InputError("--plot draws one entity")
    if plot and plot.suffix.lower() not in {".png", ".svg"}:
        raise InputError(f"--plot {plot}: unknown kind of picture", "use .png or .svg")


def _batch(session: Session, model: str, source: Path, output: Path) -> Answer:
    from mlops_cli.services import prediction

    done = prediction.predict_file(session.config, model, source, output)
    return Answer(
        vars(done),
        lambda: f"{done.rows} predictions of {model} version {done.version} in {done.output}",
    )


def _view(model: "ModelConfig", answer: "Prediction") -> list[object]:
    old = age(timedelta(seconds=answer.feature_age_seconds or 0))
    parts: list[object] = [
        f"{answer.entity}: {_said(answer)}",
        f"{answer.model} version {answer.version}, features {old} old, id {answer.prediction_id}",
    ]
    if answer.contributions is not None:
        largest = max(abs(part.contribution) for part in answer.contributions)
        rows = [
            (
                part.feature.replace("_", " "),
                _with_unit(part.value, model.features[part.feature].unit),
                f"{part.contribution:+.3f}",
                bar(part.contribution, largest),
            )
            for part in answer.contributions
        ]
        scale = _SCALES.get(str(answer.scale), "the prediction")
        base = f"{answer.base_value:+.3f}"
        parts.append(table("Why", ("feature", "is", "adds", ""), rows))
        after = f"\nthe probability is what {answer.calibration} calibration makes of them"
        end = after if answer.calibration else ""
        parts.append(f"on the scale of {scale}, starting from {base}{end}\n")
    return parts


def _said(answer: "Prediction") -> str:
    if answer.probabilities:
        others = [
            f"{word} {number(chance)}"
            for word, chance in answer.probabilities.items()
            if word != answer.prediction
        ]
        chance = f"probability {number(answer.probability)}"
        return f"{answer.prediction}, {chance} ({', '.join(others)})"
    band = f" ({answer.band})" if answer.band else ""
    if answer.probability is None:
        return f"prediction {number(float(answer.prediction))}{band}"
    return f"probability {number(answer.probability)}{band}"


def _with_unit(value: object, unit: str) -> str:
    if value is None:
        return "missing"
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value} {unit}".strip()
