"""Create, update, delete, and many creates at once."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bridge_core.errors import BridgeError, Conflict, Outcome, Rejected
from bridge_core.operations import Affected, Create, Delete, Missing, Read, Update, WriteOptions, Written
from bridge_core.query import Column, Condition, Op, Path, Slice, both
from bridge_core.schema import Model
from bridge_core.surfaces.jet.exchange import Reply, reply
from bridge_core.surfaces.jet.inward import record_of
from bridge_core.surfaces.jet.outward import records_of
from bridge_core.surfaces.jet.problems import GENERAL, SEVERAL, Invalid, body_of_problem, general
from bridge_core.surfaces.jet.question import Question, zone_from
from bridge_core.surfaces.jet.reading import at_key, must_be_one
from bridge_core.surfaces.jet.visit import Visit

_ONE: Final = Affected(most=1)
_TOO_MANY: Final = "PGRST124"
_DUPLICATE: Final = "23505"
_TAKEN: Final = "record with the same value already exists"
_MOST_AT_ONCE: Final = 10_000


async def create(visit: Visit) -> Reply:
    """Add a record and return it."""
    return reply(await _created(visit, await visit.body()), 201)


async def create_many(visit: Visit) -> Reply:
    """Add records one by one; each is told whether it was added."""
    data = await visit.receive()
    if not isinstance(data, list):
        return reply({"error": "Request body should be an array"}, 400)
    if len(data) > _MOST_AT_ONCE:
        raise general(f"at most {_MOST_AT_ONCE:,} records at once")
    return reply([await _outcome(visit, each) for each in data])


async def update(visit: Visit) -> Reply:
    """Change a record by a whole new one, and return it."""
    return await _updated(visit, whole=True)


async def update_partly(visit: Visit) -> Reply:
    """Change some fields of a record, and return it."""
    return await _updated(visit, whole=False)


async def delete(visit: Visit) -> Reply:
    """Remove a record."""
    question = _limited(visit)
    where = both(question.where, at_key(visit.model, visit.request.segments[3]))
    written = await _written(visit, Delete(visit.model, where, options=WriteOptions(affected=_ONE)))
    must_be_one(written.affected, visit.model)
    return Reply(204)


def _limited(visit: Visit) -> Question:
    """Return what the parameters limit a write to; related records cannot."""
    question = visit.question()
    if question.embeds:
        raise general("_relation and _m2m do not limit what is written")
    return question


async def _outcome(visit: Visit, data: object) -> Mapping[str, object]:
    if not isinstance(data, dict):
        return {"success": False, "errors": {GENERAL: ["the record must be an object"]}}
    try:
        await _created(visit, data)
    except BridgeError as error:
        return {"success": False, "errors": body_of_problem(error)}
    return {"success": True}


async def _created(visit: Visit, data: Mapping[str, object]) -> Mapping[str, Any]:
    model = visit.model
    timezone, zone = zone_from(visit.request)
    record = record_of(model, data, zone, creating=True, whole=True)
    options = WriteOptions(returning=_shown(model), encoded=True, timezone=timezone)
    operation = Create(model, (record,), tuple(record), missing=Missing.DEFAULT, options=options)
    try:
        written = await visit.write(operation)
    except Conflict as conflict:
        raise await _duplicate(visit, conflict, record) from None
    return await _returned(visit, written) or record


async def _updated(visit: Visit, *, whole: bool) -> Reply:
    model, key = visit.model, visit.request.segments[3]
    question = _limited(visit)
    data = await visit.body()
    values = record_of(model, data, question.zone, creating=False, whole=whole)
    if not values:
        return await visit.reading.retrieved(question, key)
    where = both(question.where, at_key(model, key))
    options = WriteOptions(returning=_shown(model), affected=_ONE, encoded=True, timezone=question.timezone)
    try:
        written = await _written(visit, Update(model, values, where, options=options))
    except Conflict as conflict:
        raise await _duplicate(visit, conflict, values) from None
    must_be_one(written.affected, model)
    return reply(await _returned(visit, written) or await visit.reading.one(question, key))


async def _written(visit: Visit, operation: Update | Delete) -> Written:
    try:
        return await visit.write(operation)
    except Rejected as refusal:
        if refusal.code == _TOO_MANY:
            raise Rejected("the key means several records: name every part of it in the path", code=SEVERAL) from None
        raise


async def _returned(visit: Visit, written: Written) -> Mapping[str, Any] | None:
    """Return the record that a write gave back, in the forms of the protocol."""
    if written.failures:
        raise general(next(iter(written.failures.values())))
    if written.page is None:
        return None
    timezone, zone = zone_from(visit.request)
    records = await records_of(written.page, visit.model, zone, timezone)
    return records[0] if records else None


async def _duplicate(visit: Visit, conflict: Conflict, record: Mapping[str, object]) -> BridgeError:
    """Say at the field whose value is there already, where it is one field alone."""
    if conflict.code != _DUPLICATE or conflict.outcome is not Outcome.NOT_APPLIED:
        return conflict
    for name in _unique_alone(visit.model):
        value = record.get(name)
        if value is None:
            continue
        where = Condition(Path(name), Op.EQ, value)
        page = await visit.read(Read(visit.model, (Column(Path(name)),), where, window=Slice(0, 1)))
        if page.rows:
            return Invalid({name: _TAKEN})
    return conflict


def _unique_alone(model: Model) -> Iterator[str]:
    for names in (*model.uniques, model.key):
        if len(names) == 1:
            yield names[0]


def _shown(model: Model) -> tuple[Column, ...]:
    return tuple(Column(Path(field.name)) for field in model.readable)
