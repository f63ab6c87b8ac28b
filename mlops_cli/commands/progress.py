"""How far a search is: a live table on a terminal, elsewhere one line for each trial."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from mlops_cli.commands.session import Session
from mlops_cli.domain.search.losses import NAMES, told
from mlops_cli.domain.search.trials import TrialDone

SHOWN = 8
"""Newest trials in the table."""


@contextmanager
def progress(session: Session) -> Iterator[Callable[[object], None]]:
    """Yield what tells a person how far we are; silent with --quiet."""
    if session.quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield session.say
        return
    newest: deque[TrialDone] = deque(maxlen=SHOWN)
    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:

        def show(what: object) -> None:
            session.go_on()
            if not isinstance(what, TrialDone):
                live.console.print(str(what), markup=False, highlight=False)
                return
            if newest and newest[-1].model != what.model:
                newest.clear()
            newest.append(what)
            live.update(trials_table(list(newest)), refresh=True)

        yield show


def trials_table(done: list[TrialDone]) -> Table:
    """Return the newest trials as a table, and how long the rest will take."""
    last = done[-1]
    table = Table(
        title=f"{last.model}: trial {last.trial.number} of {last.trials}",
        caption=f"{_duration(last.left)} left",
    )
    for column in ("trial", NAMES[last.metric], "best", "folds", "trees"):
        table.add_column(column, justify="right")
    for each in done:
        loss, best = told(each.metric, each.trial.loss), told(each.metric, each.best)
        folds = f"{each.trial.fits}, stopped" if each.trial.stopped else str(each.trial.fits)
        table.add_row(
            str(each.trial.number), f"{loss:.4f}", f"{best:.4f}", folds, str(each.trial.rounds)
        )
    return table


def _duration(seconds: float) -> str:
    """Write seconds for people.

    >>> _duration(59.6), _duration(3725)
    ('1:00', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
