"""Values as clients of this protocol write them -> values of records; what does not fit is said field by field."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

from bridge_core.errors import Malformed
from bridge_core.schema import Field, FieldType, Model
from bridge_core.surfaces.jet.filters import FALSE, TRUE
from bridge_core.surfaces.jet.moments import local, moment_of
from bridge_core.surfaces.jet.problems import Invalid
from bridge_core.values import decode_json, json_text

Read = Callable[[object, tzinfo], object]

_INTEGER: Final = re.compile(r"\s*[+-]?\d{1,400}\s*", re.ASCII)


class _Unfit(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def record_of(
    model: Model, data: Mapping[str, object], zone: tzinfo, *, creating: bool, whole: bool
) -> dict[str, object]:
    """Return the fields of a body that the model has, as values; with `whole`, none that is required may be missing."""
    record: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for field in model.fields:
        if field.name not in data:
            if whole and required(model, field):
                wrong[field.name] = "this field is required"
            continue
        value = data[field.name]
        if _left_out(model, field, value):
            continue
        try:
            record[field.name] = value_of(field, value, zone)
        except _Unfit as reason:
            wrong[field.name] = reason.message
    if wrong:
        raise Invalid(wrong)
    able = {field.name for field in model.fields if (field.creatable if creating else field.updatable)}
    return {name: value for name, value in record.items() if name in able}


def required(model: Model, field: Field) -> bool:
    """Tell whether a new record must name a field."""
    return field.creatable and not (field.nullable or field.generated or field.default is not None)


def value_of(field: Field, value: object, zone: tzinfo) -> object:
    """Return a value of a field, as its backend takes it."""
    if value is None:
        return None
    if field.type is FieldType.TIMESTAMP:
        return local(_moment(value, zone), zone).isoformat()
    return _READS.get(field.type, _text)(value, zone)


def _left_out(model: Model, field: Field, value: object) -> bool:
    """Tell whether a key is left to the backend: null, 0 and nothing stand for that."""
    made = field.generated or field.default is not None
    return field.name in model.key and made and (value is None or value in (0, "")) and value is not False


def _integer(value: object, zone: tzinfo) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise _Unfit("not a valid integer")


def _float(value: object, zone: tzinfo) -> object:
    number = _number(value, zone)
    if isinstance(number, str):
        try:
            return Decimal(number.strip())
        except InvalidOperation:
            raise _Unfit("not a valid float") from None
    return number


def _number(value: object, zone: tzinfo) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | Decimal | str):
        return value
    raise _Unfit("not a valid float")


def _boolean(value: object, zone: tzinfo) -> object:
    if isinstance(value, bool):
        return value
    word = str(value).strip()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise _Unfit("not a valid boolean")


def _text(value: object, zone: tzinfo) -> object:
    match value:
        case str():
            return value
        case list():
            return ",".join(str(_text(each, zone)) for each in value if each is not None)
        case _:
            return json_text(value)


def _day(value: object, zone: tzinfo) -> object:
    return _moment(value, zone).date().isoformat()


def _moment(value: object, zone: tzinfo) -> datetime:
    moment = moment_of(value, zone) if isinstance(value, str) else None
    if moment is None:
        raise _Unfit("date has wrong format")
    return moment


def _instant(value: object, zone: tzinfo) -> object:
    moment = _moment(value, zone)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).isoformat()


def _json(value: object, zone: tzinfo) -> object:
    if not isinstance(value, str):
        return value
    try:
        return decode_json(value)
    except Malformed:
        return value


def _array(value: object, zone: tzinfo) -> object:
    found = _json(value, zone)
    if not isinstance(found, list):
        raise _Unfit("not a valid array")
    return found


_READS: Final[Mapping[FieldType, Read]] = MappingProxyType(
    {
        FieldType.INTEGER: _integer,
        FieldType.FLOAT: _float,
        FieldType.DECIMAL: _number,
        FieldType.BOOLEAN: _boolean,
        FieldType.DATE: _day,
        FieldType.TIMESTAMPTZ: _instant,
        FieldType.JSON: _json,
        FieldType.ARRAY: _array,
    }
)
