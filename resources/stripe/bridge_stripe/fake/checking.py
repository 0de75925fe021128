"""Whether parameters are those that the SDK declares: text -> values, or a refusal in Stripe's words."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge_stripe.fake.forms import listed
from bridge_stripe.fake.refusals import Refusal, missing_parameter, unknown_parameter
from bridge_stripe.shapes import (
    UNSET,
    Anything,
    Declared,
    Either,
    Nested,
    Plain,
    Reference,
    Several,
    Shape,
    Sublist,
    Table,
    Words,
)


def checked(params: Mapping[str, Any], declared: Mapping[str, Declared], inside: str = "") -> dict[str, Any]:
    """Return the parameters as values; refuse those that the call does not have, and a lack of those that it needs."""
    for name in params:
        if name not in declared:
            raise unknown_parameter(_named(inside, name))
    for name, each in declared.items():
        if not each.optional and name not in params:
            raise missing_parameter(_named(inside, name))
    return {name: value_of(declared[name].shape, value, _named(inside, name)) for name, value in params.items()}


def value_of(shape: Shape, value: Any, name: str) -> Any:
    """Return what was sent as the value that a shape wants."""
    match shape:
        case Plain(kind):
            return _plain(kind, value, name)
        case Words(words):
            return _word(words, value, name)
        case Either(shapes):
            return _either(shapes, value, name)
        case Several(item):
            return [value_of(item, each, f"{name}[{at}]") for at, each in enumerate(_items(value, name))]
        case Nested(fields):
            return checked(_object(value, name), fields, name)
        case Table(item):
            return {key: each if each == "" else value_of(item, each, _named(name, key))
                    for key, each in _object(value, name).items()}  # fmt: skip
        case Reference() | Sublist() | Anything():
            return value


def _plain(kind: str, value: Any, name: str) -> Any:
    if not isinstance(value, str):
        raise Refusal(f"Invalid {kind}: {name}", code=f"parameter_invalid_{kind}", param=name)
    match kind:
        case "int" if value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
            return int(value)
        case "bool" if value in ("true", "false"):
            return value == "true"
        case "float" | "Decimal" if (number := _number(value)) is not None:
            return value if kind == "Decimal" else float(number)
        case "str":
            return value
        case _:
            raise Refusal(f"Invalid {kind}: {value}", code=f"parameter_invalid_{kind}", param=name)


def _number(value: str) -> Decimal | None:
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _word(words: tuple[str, ...], value: Any, name: str) -> str:
    if value not in words:
        raise Refusal(f"Invalid {name}: must be one of {', '.join(words)}", param=name)
    return str(value)


def _either(shapes: tuple[Shape, ...], value: Any, name: str) -> Any:
    if value == "" and UNSET in shapes:
        return value
    refusal: Refusal | None = None
    for shape in shapes:
        if shape == UNSET:
            continue
        try:
            return value_of(shape, value, name)
        except Refusal as error:
            refusal = refusal or error
    assert refusal is not None  # an alternative has more than one shape
    raise refusal


def _items(value: Any, name: str) -> list[Any]:
    found = listed(value)
    if found is None:
        raise Refusal("Invalid array", code="parameter_invalid_array", param=name)
    return found


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refusal("Invalid object", code="parameter_invalid_hash", param=name)
    return value


def _named(inside: str, name: str) -> str:
    return f"{inside}[{name}]" if inside else name
