"""Authorise an operation: narrow its model, add its row scope, and refuse every field outside."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Final

from bridge_core.call import Call, Handler, Layer, Principal
from bridge_core.errors import BadValue, UnknownName
from bridge_core.operations import (
    Act,
    Answer,
    Create,
    Delete,
    Embed,
    Operation,
    Read,
    Resolution,
    Update,
    Verb,
    verb_of,
)
from bridge_core.policy import Grant, Policy
from bridge_core.query import EVERYTHING, ROWS, Column, Counting, Filter, Order, Path, both, conditions
from bridge_core.schema import Model

_ONE: Final = {verb: frozenset({verb}) for verb in Verb}
_REST: Final = attrgetter(*(each.name for each in fields(Read)[4:]))
_GUESSES: Final = frozenset({Counting.PLANNED, Counting.ESTIMATED})
_ACT: Final = frozenset({Verb.READ, Verb.ACT})
_MERGE: Final = frozenset({Verb.CREATE, Verb.UPDATE})


def authorize(policy: Policy) -> Layer:
    """Let only what policy grants reach the inner handler, as the operation that it granted."""

    def layer(inner: Handler) -> Handler:
        async def handle(call: Call) -> Answer:
            operation = call.operation
            grant = await policy.grant(call.principal, operation.model, verbs_of(operation))
            if grant is None:
                raise unknown_model(operation.model.resource, operation.model.name)
            operation = await with_granted_embeds(policy, call.principal, operation)
            return await inner(Call(narrowed(operation, grant), call.principal, call.deadline))

        return handle

    return layer


async def with_granted_embeds(policy: Policy, principal: Principal, operation: Operation) -> Operation:
    """Return the operation with everything that is nested in it authorised: each far end is a read of its own."""
    if isinstance(operation, Read):
        if not operation.embeds:
            return operation
        return replace(operation, embeds=await _granted(policy, principal, operation.embeds))
    if not operation.options.embeds:
        return operation
    embeds = await _granted(policy, principal, operation.options.embeds)
    return replace(operation, options=replace(operation.options, embeds=embeds))


async def _granted(policy: Policy, principal: Principal, embeds: Iterable[Embed]) -> tuple[Embed, ...]:
    return tuple([await _granted_embed(policy, principal, embed) for embed in embeds])


async def _granted_embed(policy: Policy, principal: Principal, embed: Embed) -> Embed:
    far = await policy.grant(principal, embed.read.model)
    between = await policy.grant(principal, embed.junction) if embed.junction is not None else None
    if far is None or (embed.junction is not None and between is None):
        raise unknown_model(embed.read.model.resource, embed.read.model.name)
    read = narrowed(await with_granted_embeds(policy, principal, embed.read), far)
    assert isinstance(read, Read)  # narrowing keeps the kind of an operation
    for name in embed.relation.target_fields:
        _must_read(far.model, name)
    if between is None or embed.relation.junction is None:
        return replace(embed, read=read)
    for name in (*embed.relation.junction.near, *embed.relation.junction.far):
        _must_read(between.model, name)
    return replace(embed, read=read, junction=between.model, junction_scope=between.scope)


def verbs_of(operation: Operation) -> frozenset[Verb]:
    """Return every right that an operation needs: one that merges into existing records updates them as well."""
    match operation:
        case Create(upsert=upsert) if upsert is not None and upsert.resolution is Resolution.MERGE:
            return _MERGE
        case Act():
            return _ACT
        case _:
            return _ONE[verb_of(operation)]


def unknown_model(resource: str, name: str) -> UnknownName:
    """Say that a model is not there: the same words whether it does not exist or is not granted."""
    return UnknownName(f"Could not find the table '{resource}.{name}' in the schema cache")


def narrowed(operation: Operation, grant: Grant) -> Operation:
    """Return the operation over the granted model and rows; raise UnknownName for any other field in it."""
    model = grant.model
    scope = grant.scope if operation.scope is EVERYTHING else both(grant.scope, operation.scope)
    match operation:
        case Read():
            _readable(model, operation.select, operation.where, operation.order, operation.embeds)
            _addressable(model, operation.keys)
            return _read(operation, model, scope)
        case Create():
            _writable(model, operation.columns, creating=True)
            _mergeable(model, operation)
            _returnable(model, operation)
            return replace(operation, model=model, scope=scope, check=both(grant.scope, operation.check))
        case Update():
            _writable(model, (*operation.values, *operation.defaults), creating=False)
            _readable(model, (), operation.where, ())
            _addressable(model, operation.keys)
            _returnable(model, operation)
            return replace(operation, model=model, scope=scope, check=both(grant.scope, operation.check))
        case Act():
            return _acting(replace(operation, model=model, scope=scope))
        case Delete():
            _readable(model, (), operation.where, ())
            _addressable(model, operation.keys)
            _returnable(model, operation)
            return replace(operation, model=model, scope=scope)


def _read(op: Read, model: Model, scope: Filter) -> Read:
    """Do as `replace` does, in a quarter of its time, for the most frequent operation."""
    read = Read(model, op.select, op.where, scope, *_REST(op))
    if op.count in _GUESSES and _scoped(read):
        return replace(read, count=Counting.EXACT)
    return read


def _scoped(read: Read) -> bool:
    """Tell whether records are hidden: then a backend's guess at their number would tell of them."""
    if read.scope != EVERYTHING:
        return True
    return any(embed.junction_scope != EVERYTHING or _scoped(embed.read) for embed in read.embeds)


def _acting(operation: Act) -> Act:
    """Hold an action to those that the model has for this caller, and to its inputs."""
    model, wanted = operation.model, operation.action.name
    action = next((each for each in model.actions if each.name == wanted), None)
    if action is None:
        raise unknown_action(model, wanted)
    for name in operation.values:
        if name not in action.by_name:
            inputs = ", ".join(action.by_name) or "none"
            raise UnknownName(
                f"the action {wanted!r} of {model.name!r} has no input {name!r}",
                code="PGRST204",
                hint=f"inputs: {inputs}",
            )
    _addressable(model, operation.key)
    _readable(model, operation.options.returning or (), None, ())
    return replace(operation, action=action)


def unknown_action(model: Model, name: str) -> UnknownName:
    """Say that an action is not there: the same words whether it does not exist or is not granted."""
    known = ", ".join(each.name for each in model.actions)
    return UnknownName(
        f"Could not find the action '{name[:200]}' of '{model.name}' in the schema cache",
        code="PGRST202",
        hint=f"actions: {known}" if known else None,
    )


def _mergeable(model: Model, operation: Create) -> None:
    """A conflict tells what is there, so its target counts as read; what is merged into a record is updated."""
    if operation.upsert is None:
        return
    for name in operation.upsert.target:
        _must_read(model, name)
    if operation.upsert.resolution is Resolution.MERGE:
        target = set(operation.upsert.target)
        _writable(model, (name for name in operation.columns if name not in target), creating=False)


def _addressable(model: Model, keys: object) -> None:
    if keys is not None and not model.key:
        raise UnknownName(f"{model.name!r} has no key", hint="find records by a filter")


def _returnable(model: Model, operation: Create | Update | Delete) -> None:
    options = operation.options
    _readable(model, options.returning or (), None, options.order, options.embeds)


def _readable(
    model: Model,
    select: Iterable[Column],
    where: Filter | None,
    order: Iterable[Order],
    embeds: Sequence[Embed] = (),
) -> None:
    for column in select:
        if column.path != ROWS:
            _must_read(model, column.path.field)
    for condition in conditions(where) if where is not None and where is not EVERYTHING else ():
        _must_reach(model, condition.path, embeds)
    for term in order:
        if not term.computed:  # what an aggregate is made of was looked at with the columns
            _must_reach(model, term.path, embeds)
    for embed in embeds:
        for name in embed.relation.fields:
            _must_read(model, name)


def _must_reach(model: Model, path: Path, embeds: Sequence[Embed]) -> None:
    if path.embed is None:
        _must_read(model, path.field)
        return
    embed = next((each for each in embeds if each.name == path.embed), None)
    if embed is None:
        raise unknown_field(model, path.embed)
    if path.field:
        _must_read(embed.read.model, path.field)


def _must_read(model: Model, name: str) -> None:
    found = model.by_name.get(name)
    if found is None or not found.readable:
        raise unknown_field(model, name)


def unknown_field(model: Model, name: str) -> UnknownName:
    """Say that a field is not there, as PostgreSQL words it."""
    names = ", ".join(each.name for each in model.readable)
    return UnknownName(f"column {model.name}.{name} does not exist", code="42703", hint=f"fields: {names}")


def _writable(model: Model, names: Iterable[str], *, creating: bool) -> None:
    for name in names:
        found = model.by_name.get(name)
        if found is not None and (found.creatable if creating else found.updatable):
            continue
        if found is not None and found.generated:
            raise _generated(name, creating=creating)
        raise UnknownName(f"Could not find the '{name}' column of '{model.name}' in the schema cache", code="PGRST204")


def _generated(name: str, *, creating: bool) -> BadValue:
    """Say, as PostgreSQL words it, that the backend alone makes the values of a field."""
    verb = "cannot insert a non-DEFAULT value into column" if creating else "can only be updated to DEFAULT: column"
    return BadValue(f'{verb} "{name}"', code="428C9", details=f'Column "{name}" is a generated column.')
