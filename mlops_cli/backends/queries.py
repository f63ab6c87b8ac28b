"""SQLAlchemy: a table of the user's from a database of the user's."""

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from mlops_cli.config.masking import mask_text
from mlops_cli.errors import InputError, UnavailableError, first_line


def read_query(url: str, query: str) -> pd.DataFrame:
    """Return the rows of a query, every cell as the database gives it.

    Raises:
        InputError: The URL or the query is wrong, or a column name occurs twice.
        UnavailableError: The database cannot be reached.
    """
    try:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            answer = connection.execute(sa.text(query))
            names = list(answer.keys())
            rows = [tuple(row) for row in answer]
    except (sa.exc.ArgumentError, ImportError) as error:
        reason = mask_text(first_line(error))
        raise InputError(
            f"--sql: {reason}", "as sqlite:///clinic.db or postgresql://..."
        ) from error
    except sa.exc.ProgrammingError as error:
        raise InputError(f"--query: {mask_text(first_line(error))}") from error
    except (SQLAlchemyError, OSError) as error:
        reason = mask_text(first_line(getattr(error, "orig", None) or error))
        raise UnavailableError(f"{mask_text(url)} cannot be read: {reason}") from error
    if len(set(names)) != len(names):
        raise InputError("--query: a column name occurs twice", "name the columns with AS")
    # As objects: a long whole number beside a gap would lose its last digits as a float.
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return pd.DataFrame(columns, dtype=object)
