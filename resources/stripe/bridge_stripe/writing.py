"""Values of a record -> the parameters of a write. A value that Stripe would bend is refused."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from bridge_core import Action, BadValue, Field, FieldType, Model, Record
from bridge_core.values import JSON_NULL
from bridge_stripe.api import Json
from bridge_stripe.models import WRITTEN

METADATA: Final = "metadata"
CURRENCY: Final = "currency"
UNSET: Final = ""  # what Stripe takes as: let there be no value


def parameters_of(model: Model, values: Record, *, creating: bool) -> dict[str, Any]:
    """Return the parameters that set these values; a new object leaves out what has no value."""
    return _parameters(model.name, [(model.field(name), value) for name, value in values.items()], creating=creating)


def inputs_of(action: Action, values: Record) -> dict[str, Any]:
    """Return the parameters that an action takes; inputs without a value are left out."""
    fields = action.by_name
    return _parameters(action.name, [(fields[name], value) for name, value in values.items()], creating=True)


def _parameters(owner: str, pairs: Sequence[tuple[Field, object]], *, creating: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, value in pairs:
        if value is None and creating:
            _must_be_nullable(owner, field)
        elif value is None or value is JSON_NULL:
            found[_parameter(field)] = UNSET
        else:
            found[_parameter(field)] = _written(field, value, creating=creating)
    return found


def with_removals(metadata: Any, there: Json) -> dict[str, Any]:
    """Return metadata that make a record have these and no others: Stripe itself only adds and replaces."""
    wanted = metadata if isinstance(metadata, Mapping) else {}
    gone = {name: UNSET for name in there.get(METADATA) or {} if name not in wanted}
    return {**gone, **wanted}


def idempotency_key(verb: str, model: str, key: str, record: object = "") -> str:
    """Return the key that Stripe gets: another one for each write that one request makes."""
    return hashlib.sha256(f"{verb}\0{model}\0{record}\0{key}".encode()).hexdigest()


def _must_be_nullable(owner: str, field: Field) -> None:
    if not field.nullable:
        raise BadValue(
            f'null value in column "{field.name}" of relation "{owner}" violates not-null constraint',
            code="23502",
            hint="leave the field out: Stripe then chooses a value",
        )


def _parameter(field: Field) -> str:
    return field.name if field.readable else field.name.removeprefix(WRITTEN)


def _written(field: Field, value: object, *, creating: bool) -> Any:
    match value:
        case datetime():
            return _moment(field, value)
        case Decimal():
            return str(value)
        case "":
            raise BadValue(f"Stripe has no empty text, and {field.name!r} would be unset", hint="send null instead")
        case str() if field.name == CURRENCY and value != value.lower():
            raise BadValue(f"Stripe writes currencies in small letters, and {value!r} is none")
        case tuple() | list():
            return _several(field, _items(field, value), creating=creating)
        case dict() if field.name == METADATA:
            return _metadata(value)
        case dict():
            return _several(field, _inner(field, value), creating=creating)
        case _ if field.type is FieldType.JSON:
            raise BadValue(f"{field.name!r} is an object or a list, as Stripe describes it")
        case _:
            return value


def _several(field: Field, value: Any, *, creating: bool) -> Any:
    if value:
        return value
    if creating:
        raise BadValue(f"Stripe takes an empty {field.name!r} for none at all", hint="leave the field out")
    return UNSET


def _items(field: Field, values: Sequence[object]) -> list[Any]:
    if any(each is None or each == "" for each in values):
        raise BadValue(f"Stripe keeps no null and no empty text in the list {field.name!r}")
    return [_inner(field, each) for each in values]


def _inner(field: Field, value: object) -> Any:
    """Return what stands inside of an object or a list; what is null there is unset."""
    match value:
        case None:
            return UNSET
        case dict():
            return {str(name): _inner(field, each) for name, each in value.items()}
        case list() | tuple():
            return _items(field, value)
        case Decimal():
            return str(value)
        case _ if value is JSON_NULL:
            return UNSET
        case _:
            return value


def _metadata(value: Mapping[Any, object]) -> dict[str, str]:
    wrong = next((name for name, each in value.items() if not isinstance(each, str) or not each), None)
    if wrong is not None:
        raise BadValue(f"metadata hold text alone, and that of {wrong!r} is none", hint="write numbers in quotes")
    return {str(name): str(each) for name, each in value.items()}


def _moment(field: Field, value: datetime) -> int:
    if value.microsecond:
        raise BadValue(f"Stripe keeps whole seconds, and {field.name!r} has a fraction of one")
    return int(value.timestamp())
