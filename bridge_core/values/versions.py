"""Tell versions of a record apart by what it shows: two that look alike are one version."""

import hashlib
from typing import Final

from bridge_core.operations import Record
from bridge_core.schema import Model
from bridge_core.values.wire import encode

_LENGTH: Final = 32  # of the text: as many hexadecimal digits


def etag(model: Model, record: Record) -> str:
    """Return the version of a record as this model shows it; a change that the model hides does not change it.

    For adapters whose backend has no versions of its own, or has one for the whole record.
    """
    shown = {field.name: record.get(field.name) for field in model.readable}
    return hashlib.sha256(encode([shown])).hexdigest()[:_LENGTH]
