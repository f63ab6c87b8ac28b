"""The group itself, and what its commands share."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Feature tables, Feast's registry, the online store.")

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")]
