"""Hold a write to the version that its caller has seen: it changes that one, or nothing."""

from collections.abc import Awaitable, Iterable
from dataclasses import replace
from typing import Final

from bridge_core.call import Call, Handler
from bridge_core.errors import PreconditionFailed, Refused
from bridge_core.operations import Act, Answer, Create, Delete, Read, Update, Write, Written
from bridge_core.query import And, Condition, Filter, Op
from bridge_core.schema import Model, Precondition

ANY: Final = "*"  # whatever version, if only there is one


def preconditions(inner: Handler) -> Handler:
    """Honour `WriteOptions.etags`, inside of `authorize`: a record out of reach is none at all.

    The backend compares in the statement that writes; here it is only seen whether it found the record.
    """

    def handle(call: Call) -> Awaitable[Answer]:
        operation = call.operation
        if isinstance(operation, Read | Act) or operation.options.etags is None:
            return inner(call)
        return _held(inner, call, operation, operation.options.etags)

    return handle


async def _held(inner: Handler, call: Call, op: Write, etags: tuple[str, ...]) -> Answer:
    if op.model.capabilities.precondition is Precondition.NONE:
        raise Refused(
            f"{op.model.name!r} cannot tell versions of its records apart", code="BRG501", hint="write without If-Match"
        )
    if isinstance(op, Create):
        raise Refused("a new record has no version yet", hint="update it, or create it without If-Match")
    if not one_at_most(op):
        raise Refused("a version is that of one record", hint="filter by the whole key with eq")
    if ANY in etags:
        op = replace(op, options=replace(op.options, etags=None))
    answer = await inner(replace(call, operation=op))
    if isinstance(answer, Written) and answer.affected == 0:
        raise PreconditionFailed("there is no record in the version that was named")
    return answer


def one_at_most(op: Update | Delete) -> bool:
    """Tell whether a write speaks of one record by its key."""
    return len(op.keys) == 1 if op.keys is not None else fixes_key(op.model, op.where)


def fixes_key(model: Model, where: Filter) -> bool:
    """Tell whether a filter demands one value for every field of the key."""
    fixed = {
        term.path.field
        for term in _demands(where)
        if term.op is Op.EQ and term.quantifier is None and not term.path.steps and term.path.embed is None
    }
    return bool(model.key) and fixed.issuperset(model.key)


def _demands(term: Filter) -> Iterable[Condition]:
    match term:
        case Condition():
            yield term
        case And(terms):
            for each in terms:
                yield from _demands(each)
        case _:
            return
