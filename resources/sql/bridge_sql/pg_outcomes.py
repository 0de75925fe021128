"""What became of a transaction whose end was not seen: PostgreSQL remembers, for as long as anybody asks in time.

A token names the cluster, its timeline and the transaction. On another timeline (a replica took over) or another
cluster, the number of the transaction says nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from bridge_core.errors import Outcome

_HERE: Final = """
select (select system_identifier from pg_catalog.pg_control_system())::text
    || ':' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)
"""
TOKEN: Final = f"{_HERE} || ':' || pg_catalog.pg_current_xact_id()::text"
STATUS: Final = f"""
select here, case when here = $1 then pg_catalog.pg_xact_status($2::text::pg_catalog.xid8) end as status
from ({_HERE}) as place (here)
"""  # noqa: S608 - put together from constants
AHEAD: Final = "22023"  # the SQLSTATE where the transaction lies in the future: this is not the cluster that it was

_OUTCOMES: Final[Mapping[str | None, Outcome | None]] = {
    "committed": Outcome.APPLIED,
    "aborted": Outcome.NOT_APPLIED,
    "in progress": None,
    None: Outcome.UNKNOWN,  # too long ago, or elsewhere
}


def parts(token: str) -> tuple[str, str]:
    """Return the place of a transaction, and its number there."""
    place, _, number = token.rpartition(":")
    return place, number


def outcome(row: Any) -> Outcome | None:
    """Return what a row of `STATUS` says; None: the transaction is still under way."""
    return _OUTCOMES[row["status"]]
