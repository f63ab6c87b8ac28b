"""`sync`: finished runs that MLflow could not take, sent now."""

from mlops_cli.config import Config
from mlops_cli.domain.results.sending import Delivered, Synced, Unsent
from mlops_cli.errors import MlopsError, UnavailableError
from mlops_cli.services.training import outbox
from mlops_cli.services.training.outbox import Register
from mlops_cli.services.training.searching import Say


def sync(config: Config, say: Say, register: Register) -> Synced:
    """Send every run of the outbox, oldest first, and make those versions that are to be some.

    What cannot be sent stays. Once MLflow cannot be reached the rest is not tried.
    """
    outbox.sweep(config)
    sent, waiting = list[Delivered](), list[Unsent]()
    down: UnavailableError | None = None
    for key in outbox.waiting(config):
        try:
            if down:
                raise down
            say(f"sending {key}")
            sent.append(outbox.deliver(config, key, register, None))
        except UnavailableError as error:
            down = error
            waiting.append(outbox.kept(config, key, error))
        except MlopsError as error:
            waiting.append(outbox.kept(config, key, error))
    return Synced(tuple(sent), tuple(waiting))
