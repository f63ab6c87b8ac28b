"""`mlops config`: is the configuration right, and what does it say in effect?"""

from typing import Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import table

app = typer.Typer(no_args_is_help=True, help="Validate, show and document config.yaml.")


@command(app)
def check(session: Session) -> Answer:
    """Validate the configuration file."""
    config = session.config
    models = {name: len(model.features) for name, model in config.models.items()}
    text = ", ".join(f"{name} ({count} features)" for name, count in models.items())
    data = {"path": config.path, "project": config.project, "models": list(models)}
    return Answer(data, lambda: f"{session.path} is valid: {text}")


@command(app)
def show(
    session: Session,
    origin: Annotated[bool, typer.Option("--origin", help="Where each value came from.")] = False,
) -> Answer:
    """Show the effective values, secrets masked."""
    from mlops_cli.config import masked, origins

    if not origin:
        data = masked(session.config)
        return Answer(data, lambda: _yaml(data))
    found = origins(session.path)
    rows = [(each.key, str(each.value), each.origin) for each in found]
    return Answer(
        {"values": [{"key": key, "value": e.value, "origin": o} for (key, _, o), e in zip(
            rows, found, strict=True)]},
        lambda: table(str(session.path), ("key", "value", "origin"), rows),
    )  # fmt: skip


def _yaml(data: object) -> str:
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


@command(app)
def schema(session: Session) -> Answer:
    """Print the JSON schema of config.yaml, for editors."""
    import json

    from mlops_cli.config import json_schema

    made = json_schema()
    return Answer(made, lambda: json.dumps(made, indent=2))
