"""MySQL's catalogue."""

from collections.abc import Sequence

from bridge_sql.facts import Survey
from sqlalchemy import Connection


def survey(connection: Connection, schemas: Sequence[str]) -> Survey:
    """Describe every table and view."""
    raise NotImplementedError
