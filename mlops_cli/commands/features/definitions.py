"""`mlops features apply | list`: Feast's registry."""

from mlops_cli.commands.features.group import app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import table


@command(app)
def apply(session: Session) -> Answer:
    """Write the feature definitions of config.yaml to Feast's registry."""
    from mlops_cli.services import features

    views = features.apply(session.config)
    return Answer({"views": views}, lambda: f"registered {', '.join(views)}")


@command(app, "list")
def list_(session: Session) -> Answer:
    """List the feature views and whether Feast's registry has them."""
    from mlops_cli.services import features

    views = features.listing(session.config)
    rows = [
        (view.name, ", ".join(view.models), view.features, view.ttl, view.registered)
        for view in views
    ]
    columns = ("view", "models", "features", "ttl", "registered")
    return Answer({"views": views}, lambda: table("Feature views", columns, rows))
