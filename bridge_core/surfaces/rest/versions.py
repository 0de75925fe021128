"""ETag, If-Match, If-None-Match: which version of a record a caller saw, or will have changed."""

from dataclasses import replace

from bridge_core.errors import PreconditionFailed, Refused
from bridge_core.operations import Create, Page, Read, Resolution, Update, Upsert, Write, Written
from bridge_core.query import EVERYTHING
from bridge_core.schema import Model, Precondition
from bridge_core.surfaces.rest.media import Media
from bridge_core.surfaces.rest.request import ANY, Request
from bridge_core.surfaces.rest.response import Response


def with_versions(read: Read, request: Request, media: Media) -> Read:
    """Return the read that asks for versions too, where the caller wants one record or names a version of it.

    What is nested in a record, or computed of many, has no part in its version: such an answer gets none.
    """
    if not (media.singular or b"if-none-match" in request.headers) or not _has_versions(read.model):
        return read
    if read.embeds or any(column.aggregate is not None for column in read.select):
        return read
    return replace(read, versions=True)


def labelled(response: Response, page: Page, request: Request) -> Response:
    """Say which version of the one record an answer shows; 304 without it where the caller has it already."""
    if page.etags is None or len(page.etags) != 1:
        return response
    (etag,) = page.etags
    header = (b"etag", f'"{etag}"'.encode())
    known = request.unless_match
    if known is not None and (ANY in known or etag in known):
        return Response(304, [header])
    response.headers.append(header)
    return response


def versions_named(request: Request, model: Model) -> tuple[str, ...] | None:
    """Return the versions that the record of a write may have, by If-Match; None: any, or none at all."""
    etags = request.etags if request.method != "POST" else None
    if etags is not None and not _has_versions(model):
        raise Refused(f"{model.name} cannot tell versions of a record apart", hint="send the request without If-Match")
    return etags


def conditional(op: Write | None, request: Request) -> Write | None:
    """Return the write that a PUT is on its conditions: with If-Match it only updates, with If-None-Match only adds."""
    unless = request.unless_match
    if unless is not None and (unless != (ANY,) or request.method not in ("PUT", "POST")):
        raise Refused("a write takes If-None-Match only as *, in PUT and POST", hint="name the version with If-Match")
    if not isinstance(op, Create):
        return op
    if request.method != "PUT":
        if unless is not None and op.upsert is not None and op.upsert.resolution is Resolution.MERGE:
            raise Refused("If-None-Match only adds records, and merge-duplicates changes those that are there")
        return op
    if unless is not None:
        return replace(op, upsert=Upsert(Resolution.IGNORE, op.model.key))
    if op.options.etags is None:
        return op
    (record,) = op.records
    values = {name: record.get(name) for name in op.columns if name not in op.model.key}
    key = tuple(record[name] for name in op.model.key)
    return Update(op.model, values or dict(record), EVERYTHING, keys=(key,), options=op.options)


def must_be_new(written: Written, request: Request) -> None:
    """Raise PreconditionFailed if a PUT that may only create met a record."""
    if request.method == "PUT" and request.unless_match is not None and not written.affected:
        raise PreconditionFailed("there is a record with this key already")


def _has_versions(model: Model) -> bool:
    return model.capabilities.precondition is Precondition.ETAG
