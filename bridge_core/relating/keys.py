"""Values of related fields: made alike on both sides, compared, and asked for."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from bridge_core.compare import equality
from bridge_core.errors import BadValue
from bridge_core.operations import Key, Record
from bridge_core.query import And, Condition, Filter, Op, Or, Path
from bridge_core.schema import Field, FieldType, Literals, Model
from bridge_core.values import text_of, typed


class Keys:
    """The values that some fields of a model have together, in the form in which equal ones are equal."""

    def __init__(self, model: Model, fields: tuple[str, ...]) -> None:
        self.model = model
        self.fields = fields
        self._found = [model.any_field(name) for name in fields]
        self._ranks = [equality(field) for field in self._found]

    def taken(self, record: Record, names: Sequence[str]) -> tuple[Key, Key] | None:
        """Return the key that a record holds under some names, with its values; None: it refers to nothing."""
        values: list[object] = []
        for field, name in zip(self._found, names, strict=True):
            value = record.get(name)
            if value is None:
                return None
            try:
                values.append(typed(field, value))
            except BadValue:  # no value of the other side's type: it can be equal to none of them
                return None
        return tuple(rank(value) for rank, value in zip(self._ranks, values, strict=True)), tuple(values)

    def filter(self, keys: Sequence[Key]) -> Filter:
        """Return the filter that the records with one of these values match."""
        written = [self._written(key) for key in keys]
        if len(self.fields) == 1:
            (name,) = self.fields
            if len(written) == 1 and Op.EQ in self._found[0].operators:
                return Condition(Path(name), Op.EQ, written[0][0])
            return Condition(Path(name), Op.IN, tuple(key[0] for key in written))
        each = [
            And(tuple(Condition(Path(name), Op.EQ, part) for name, part in zip(self.fields, key, strict=True)))
            for key in written
        ]
        return each[0] if len(each) == 1 else Or(tuple(each))

    def in_order_of_key(self, keys: Iterable[Key]) -> tuple[Key, ...]:
        """Return values of fields that are the model's key as such."""
        places = [self.fields.index(name) for name in self.model.key]
        return tuple(tuple(key[at] for at in places) for key in keys)

    def samples(self, count: int) -> tuple[Key, ...]:
        """Return so many different values, for a plan that is made before any are known."""
        return tuple(tuple(_sample(field, at) for field in self._found) for at in range(count))

    def _written(self, key: Key) -> Key:
        if self.model.capabilities.literals is Literals.TYPED:
            return key
        return tuple(
            value if isinstance(value, str) else text_of(value, field.type)
            for value, field in zip(key, self._found, strict=True)
        )


def _sample(field: Field, at: int) -> object:
    if field.type is FieldType.ENUM and field.enum:
        return field.enum[at % len(field.enum)]
    return _SAMPLES[field.type](at) if field.type in _SAMPLES else str(at)


_SAMPLES: Final[Mapping[FieldType, Any]] = {
    FieldType.BOOLEAN: lambda at: at % 2 == 0,
    FieldType.INTEGER: lambda at: at,
    FieldType.FLOAT: float,
    FieldType.DECIMAL: Decimal,
    FieldType.UUID: lambda at: f"{at:08x}-0000-0000-0000-000000000000",
    FieldType.DATE: lambda at: date.fromordinal(at + 1),
    FieldType.TIME: lambda at: time(microsecond=at % 1_000_000),
    FieldType.TIMESTAMP: lambda at: datetime.fromordinal(at + 1),
    FieldType.TIMESTAMPTZ: lambda at: datetime.fromordinal(at + 1).replace(tzinfo=UTC),
    FieldType.BYTES: lambda at: at.to_bytes(8),
    FieldType.JSON: lambda at: at,
    FieldType.ARRAY: lambda at: (at,),
}
