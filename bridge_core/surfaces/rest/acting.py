"""POST to `/rpc/MODEL.ACTION`: request -> Act, and the record that comes back -> response."""

from typing import Final

from bridge_core.errors import Malformed
from bridge_core.layers.authorize import unknown_action
from bridge_core.operations import Act, Record, Written
from bridge_core.surfaces.rest.prefer import Returning
from bridge_core.surfaces.rest.reading import body_of
from bridge_core.surfaces.rest.response import Response
from bridge_core.surfaces.rest.writing import REPLAYED, Ask

HONOURED: Final = frozenset({"return", "handling", "timezone", "wait"})


def act_of(ask: Ask, name: str, records: list[Record]) -> Act:
    """Make the operation: the body holds the key of the record, and the inputs of the action."""
    model = ask.wanted.model
    action = next((each for each in model.actions if each.name == name), None)
    if action is None:
        raise unknown_action(model, name)
    body = records[0] if len(records) == 1 else {}
    missing = [part for part in model.key if body.get(part) is None]
    if missing or not model.key:
        raise Malformed(
            f"the body of an action is one object with the key of a record: {', '.join(missing) or 'id'} is missing"
        )
    key = tuple(body[part] for part in model.key)
    values = {each: value for each, value in body.items() if each not in model.key}
    return Act(model, action, key, values, options=ask.options(shown=ask.returning is not Returning.MINIMAL))


def acted_response(ask: Ask, written: Written) -> Response:
    """Return the record as it is now, or nothing where nothing is wanted."""
    response = Response(204 if written.page is None else 200, [REPLAYED] if written.replayed else [])
    if written.page is not None:
        response.headers.append((b"content-type", ask.wanted.media.content_type))
        response.body = body_of(written.page, ask.wanted)
    return response
