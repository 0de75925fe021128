"""Failures on the way to Google, in the words of the bridge."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import gspread
import requests
from google.auth.exceptions import GoogleAuthError, RefreshError

from bridge_core import (
    BridgeError,
    ConfigurationError,
    Forbidden,
    Malformed,
    Outcome,
    RateLimited,
    TooLarge,
    Unavailable,
    UpstreamFailed,
)

MINUTE: Final = 60.0  # seconds: the quota is counted by the minute, and Google does not say how much of it is left
_PROTECTED: Final = "protected cell"
_TOO_LARGE: Final = ("maximum of 50000 characters", "limit of 10000000 cells")


@contextmanager
def translated(email: str, scope: str, *, writes: bool) -> Iterator[None]:
    """Raise what goes wrong inside as an error of the bridge; a write may then have been applied, or not."""
    lost = Outcome.UNKNOWN if writes else Outcome.NOT_APPLIED
    try:
        yield
    except gspread.exceptions.APIError as error:
        raise _refused(error, email, scope, lost) from error
    except gspread.SpreadsheetNotFound as error:
        raise _missing() from error
    except PermissionError as error:
        raise _not_shared(email) from error
    except RefreshError as error:
        raise ConfigurationError(
            "Google does not accept the service account", hint="make a new key of it, and put it into `credentials`"
        ) from error
    except GoogleAuthError as error:
        raise Unavailable("Google gives no token now") from error
    except requests.ConnectionError as error:
        raise Unavailable("the connection to Google broke", outcome=lost) from error
    except requests.Timeout as error:
        raise Unavailable("Google did not answer in time", outcome=lost) from error
    except (requests.RequestException, ValueError) as error:
        raise UpstreamFailed("Google answered with what is no answer", outcome=lost) from error


def _refused(error: gspread.exceptions.APIError, email: str, scope: str, lost: Outcome) -> BridgeError:
    status, message = error.response.status_code, str(error.error.get("message", ""))
    match status:
        case 429:
            return RateLimited("the quota of Google Sheets is used up", scope=scope, retry_after=_seconds(error))
        case 403:
            return _not_shared(email)
        case 404:
            return _missing()
        case 400 if _PROTECTED in message:
            return Forbidden(
                "the cells are protected in the spreadsheet",
                hint=f"let its owner add {email} to those who may edit the protected range",
            )
        case 400 if any(each in message for each in _TOO_LARGE):
            return TooLarge("more than a spreadsheet holds", details=message)
        case 400:
            return Malformed("Google does not take the request", details=message)
        case _ if status >= 500:
            return Unavailable(f"Google answered {status}", outcome=lost)
    return UpstreamFailed(f"Google answered {status}", outcome=lost)


def _not_shared(email: str) -> UpstreamFailed:
    return UpstreamFailed(
        "the service account may not open the spreadsheet, or not change it",
        hint=f"share the spreadsheet with {email}, as an editor if it shall be written to",
    )


def _missing() -> UpstreamFailed:
    return UpstreamFailed("there is no such spreadsheet", hint="compare the id with the address in the browser")


def _seconds(error: gspread.exceptions.APIError) -> float:
    told = error.response.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else MINUTE
