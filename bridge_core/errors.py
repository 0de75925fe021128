"""What can go wrong, as a tree; each error knows its cause and its cure, and no HTTP.

    BridgeError
    ├── Rejected                 the caller must change the request
    │   ├── Malformed            it does not parse
    │   ├── BadValue             a value does not fit its type
    │   ├── UnknownName          no such resource, model, field, type or relation (or none for this caller)
    │   ├── Refused              it is well formed, but this backend cannot do it within bounds
    │   ├── Unacceptable         no representation, profile or row count as the caller demands
    │   ├── NotAllowed           the model does not take this kind of operation
    │   ├── OutOfRange           a window that lies outside the records
    │   ├── TooLarge             more than the server takes in one request
    │   ├── Conflict             a constraint of the backend, or another request, stands against it
    │   └── PreconditionFailed   the record is not in the version that the caller named
    ├── Denied
    │   ├── Unauthenticated      the credential is missing or wrong
    │   └── Forbidden            the credential is good, the right is missing
    ├── Unavailable              try again later; nothing is wrong with the request
    │   ├── RateLimited          a quota is used up
    │   ├── Saturated            a bound of the bridge's own is reached; the backend may be well
    │   └── DeadlineExceeded     the time of the request is used up
    ├── UpstreamFailed           the backend answered with a failure of its own
    └── ConfigurationError       the operator must change plugins.toml or the environment

`code` is a SQLSTATE or a code of the PostgREST dialect where one exists (so that clients of that
dialect understand it on every backend), else a code of ours that begins with `BRG`.
"""

from enum import StrEnum
from typing import ClassVar, Final

_SOON: Final = 1.0  # seconds after which to try again, where nobody says


class Outcome(StrEnum):
    """What became of a write."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"


class BridgeError(Exception):
    """Something that a person can act on.

    `message` says what was wrong and `hint` what would be right; `details` is text, or a list where the
    dialect wants one. None of them ever carries a secret, driver text, or another record's content.
    """

    default_code: ClassVar[str] = "BRG000"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: object = None,
        hint: str | None = None,
        outcome: Outcome = Outcome.NOT_APPLIED,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details
        self.hint = hint
        self.outcome = outcome


class Rejected(BridgeError):
    """The caller must change the request."""


class Malformed(Rejected):
    """The request does not parse."""

    default_code = "PGRST100"


class BadValue(Rejected):
    """A value does not fit its type."""

    default_code = "22P02"


class UnknownName(Rejected):
    """There is no such thing, or none for this caller: the two answer alike."""

    default_code = "PGRST205"


class Refused(Rejected):
    """The operation is well formed, but this backend cannot do it within bounds."""

    default_code = "BRG422"


class Unacceptable(Rejected):
    """No representation, profile or number of records as the caller demands."""

    default_code = "PGRST107"


class NotAllowed(Rejected):
    """The model, or the path, does not take this kind of operation."""

    default_code = "PGRST117"


class OutOfRange(Rejected):
    """The window lies outside the records."""

    default_code = "PGRST103"


class TooLarge(Rejected):
    """More than the server takes in one request."""

    default_code = "BRG413"


class Conflict(Rejected):
    """A constraint of the backend, or another request, stands against the write."""

    default_code = "23505"


class PreconditionFailed(Rejected):
    """The record is not in the version that the caller named."""

    default_code = "BRG412"


class Denied(BridgeError):
    """The caller may not do this."""


class Unauthenticated(Denied):
    """The credential is missing, damaged, expired or not ours."""

    default_code = "PGRST301"


class Forbidden(Denied):
    """The credential is good, the right is missing."""

    default_code = "42501"


class Unavailable(BridgeError):
    """Nothing is wrong with the request: try again later."""

    default_code = "PGRST000"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        code: str | None = None,
        hint: str | None = None,
        outcome: Outcome = Outcome.NOT_APPLIED,
    ) -> None:
        super().__init__(message, code=code, hint=hint, outcome=outcome)
        self.retry_after = _SOON if retry_after is None else retry_after  # seconds
        self.told = retry_after is not None  # whether somebody said so, or it is only a guess


class RateLimited(Unavailable):
    """A quota of the backend, or of this server, is used up for now.

    `scope` names the quota, as the adapter declares it; None: that of every call.
    """

    default_code = "BRG429"

    def __init__(
        self,
        message: str,
        *,
        scope: str | None = None,
        retry_after: float | None = None,
        code: str | None = None,
        hint: str | None = None,
        outcome: Outcome = Outcome.NOT_APPLIED,
    ) -> None:
        super().__init__(message, retry_after=retry_after, code=code, hint=hint, outcome=outcome)
        self.scope = scope


class Saturated(Unavailable):
    """A bound of the bridge's own is reached, such as a pool: the backend may be well."""

    default_code = "BRG503"


class DeadlineExceeded(Unavailable):
    """The time of the request is used up."""

    default_code = "57014"


class UpstreamFailed(BridgeError):
    """The backend answered with a failure that the caller cannot change."""

    default_code = "BRG502"


class ConfigurationError(BridgeError):
    """The operator must change plugins.toml or the environment; `message` names file, table and key."""

    default_code = "BRG001"
