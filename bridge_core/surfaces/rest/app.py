"""The ASGI application: a request is read, judged in order, carried to the bridge, and answered."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from bridge_core.bridge import Bridge
from bridge_core.call import ANONYMOUS, Call, Principal
from bridge_core.deadlines import Deadlines
from bridge_core.errors import BridgeError, Forbidden, Malformed, NotAllowed, UnknownName
from bridge_core.operations import Answer, Operation, Page, Record, Verb, Write, Written
from bridge_core.query import EVERYTHING
from bridge_core.schema import Model
from bridge_core.surfaces.http import (
    Authenticate,
    Header,
    principal_of,
    problem_body,
    problem_headers,
    status_of,
    unexpected,
)
from bridge_core.surfaces.rest.acting import HONOURED as HONOURED_IN_ACTIONS
from bridge_core.surfaces.rest.acting import act_of, acted_response
from bridge_core.surfaces.rest.bodies import Gone, Receive, body_of, records_of
from bridge_core.surfaces.rest.cors import Cors
from bridge_core.surfaces.rest.describing import ALLOW_ROOT, Descriptions, allow_of, verbs_of
from bridge_core.surfaces.rest.media import ARRAY, PLAN, BodyForm, Media, body_form_of, describes, media_of
from bridge_core.surfaces.rest.nesting import Laid, laid_out
from bridge_core.surfaces.rest.place import Address, Place, Places, address_of
from bridge_core.surfaces.rest.prefer import NO_PREFERENCES, Preferences, applied, preferences_of
from bridge_core.surfaces.rest.querystring import Query, QueryReader, canonical
from bridge_core.surfaces.rest.reading import HONOURED as HONOURED_IN_READS
from bridge_core.surfaces.rest.reading import Wanted, read_of, read_response
from bridge_core.surfaces.rest.request import Request, request_of, text_of
from bridge_core.surfaces.rest.response import Response, Send, Stream, deliver, readied
from bridge_core.surfaces.rest.settings import DEFAULTS, RestSettings, remembering
from bridge_core.surfaces.rest.shapes import gathered
from bridge_core.surfaces.rest.versions import conditional, labelled, must_be_new, versions_named, with_versions
from bridge_core.surfaces.rest.vigil import Vigil
from bridge_core.surfaces.rest.window import past_the_end, window_of
from bridge_core.surfaces.rest.writing import HONOURED as HONOURED_IN_WRITES
from bridge_core.surfaces.rest.writing import (
    Ask,
    conflict_target,
    create_of,
    delete_of,
    must_not_be_limited,
    nothing_written,
    put_of,
    update_of,
    written_response,
)

_VARY: Final[Header] = (b"vary", b"Accept, Prefer, Range")
_NOSNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
_PRIVATE: Final[Header] = (b"cache-control", b"private, no-store")
_COMMON: Final[tuple[Header, ...]] = (_VARY, _NOSNIFF, _PRIVATE)
_WRITES: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_READS: Final = frozenset({"GET", "HEAD"})
_METHODS: Final = b"OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"
_UNKNOWN_MODEL: Final = "PGRST205"


@dataclass(slots=True)
class _Asked:
    """A request whose head was read: who asks for what."""

    request: Request
    principal: Principal
    place: Place
    address: Address
    query: Query
    preferences: Preferences
    began: float


class RestApp:
    """The REST surface over one bridge: a plain ASGI callable for every path below its base."""

    def __init__(
        self,
        bridge: Bridge,
        authenticate: Authenticate,
        settings: RestSettings = DEFAULTS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what stands behind the surface; `clock` is that of deadlines."""
        self._bridge = bridge
        self._authenticate = authenticate
        self._settings = settings
        self._clock = clock
        self._deadlines = Deadlines()
        self._base = settings.base.encode()
        self._cors = Cors(settings.origins)
        self._queries = QueryReader()
        self._places = Places(bridge)
        self._descriptions = Descriptions(bridge, self._places, settings.base)
        self._address = remembering(address_of)
        self._media: Callable[[str], Media] = remembering(media_of)
        self._preferences: Callable[[str], Preferences] = remembering(preferences_of)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = request_of(scope, self._base)
        if request.method in _WRITES:
            await self._serve(request, receive, send)
            return
        with Vigil(receive, self._deadlines):
            await self._serve(request, receive, send)

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        origin = request.headers.get(b"origin")
        if request.method == "OPTIONS" and origin and b"access-control-request-method" in request.headers:
            response = self._cors.preflight(origin, request.headers.get(b"access-control-request-headers", b""))
        else:
            try:
                response = await self._answer(request, receive)
            except Gone:
                return
            response.headers.extend(self._cors.headers(origin))
        await deliver(response, send, head=request.method == "HEAD", patience=self._settings.write_timeout)

    async def _answer(self, request: Request, receive: Receive) -> Response:
        principal = ANONYMOUS
        try:
            request.must_be_bounded(self._settings.max_url)
            principal = await principal_of(self._authenticate, request.headers)
            response = await self._respond(request, principal, receive)
            await readied(response, head=request.method == "HEAD")
        except BridgeError as error:
            return _problem(error, request, principal)
        except Gone:
            raise
        except Exception as cause:  # noqa: BLE001  # the last line: whatever it is, the caller gets a problem
            return _problem(unexpected(cause, writing=request.method in _WRITES), request, principal)
        return response

    async def _respond(self, request: Request, principal: Principal, receive: Receive) -> Response:
        """Judge a request in the order of the dialect: path, profile, method, query, and so on in each method."""
        began = self._clock()
        address = self._address(request.path)
        profile = request.profile
        place = self._places.place(principal, address, profile)
        if address.model is None:
            return await self._root(request, principal, place, address)
        method = request.method
        if method not in _READS and method not in _WRITES and method != "OPTIONS":
            raise NotAllowed(f"Unsupported HTTP method: {method[:20]}")
        query = self._queries.read(request.query)
        prefer = request.headers.get(b"prefer")
        preferences = NO_PREFERENCES if prefer is None else self._preferences(text_of(prefer))
        asked = _Asked(request, principal, place, address, query, preferences, began)
        if address.action:
            response = await self._act(asked, receive)
        elif method in _READS:
            response = await self._read(asked)
        elif method in _WRITES:
            response = await self._write(asked, receive)
        else:
            return await self._options(asked)
        response.headers.extend(_COMMON)
        if profile is not None:
            response.headers.append((b"content-profile", profile.encode()))
        return response

    async def _read(self, asked: _Asked) -> Response:
        request, query, preferences = asked.request, asked.query, asked.preferences
        ranged = request.headers.get(b"range") if request.method == "GET" else None
        window = window_of(query.limit, query.offset, text_of(ranged) if ranged is not None else None)
        model = await self._model(asked)
        laid = self._laid(asked, model)
        media = self._media_of(request)
        preferences.must_be_known()
        wanted = Wanted(media, model, laid, preferences.timezone)
        read = read_of(window, wanted, preferences, self._settings.max_rows, fresh=request.fresh)
        operation = with_versions(read, request, media)
        if media.plan:
            return await self._explained(asked, operation)
        page = await self._perform(asked, operation)
        assert isinstance(page, Page)  # a Read is answered by a Page
        if media.singular and page.stream is not None:
            page = await gathered(page)
        if page.total is not None and window.offset > page.total:
            if page.stream is not None:  # the total was a guess
                await Stream(page.stream).aclose()
            refusal = _problem(past_the_end(window.offset, page.total), request, asked.principal)
            refusal.headers.append((b"content-range", b"*/%d" % page.total))
            return refusal
        response = labelled(read_response(page, window, wanted), page, request)
        response.headers.append((b"content-location", b"/" + asked.address.raw + canonical(request.query)))
        if preferences is not NO_PREFERENCES:
            _say_applied(response, preferences, self._honoured(HONOURED_IN_READS))
        return response

    async def _write(self, asked: _Asked, receive: Receive) -> Response:
        request = asked.request
        method = request.method
        if method == "PUT":
            must_not_be_limited(asked.query)
        records = await self._records(request, receive) if method != "DELETE" else []
        model = await self._model(asked)
        laid = self._laid(asked, model)
        if laid.having != EVERYTHING:
            raise Malformed("having filters the groups of a read, and not what a write answers")
        asked.preferences.must_be_known()
        wanted = Wanted(self._media_of(request), model, laid, asked.preferences.timezone)
        ask = Ask(
            asked.query,
            wanted,
            asked.preferences,
            self._settings.rollback,
            request.idempotency_key,
            versions_named(request, model),
        )
        operation = conditional(_operation(method, ask, records), request)
        if wanted.media.plan and operation is not None:
            return await self._explained(asked, operation)
        if operation is None:
            await self._must_be_permitted(asked, model, Verb.CREATE if method == "POST" else Verb.UPDATE)
            response = nothing_written(method, ask)
        else:
            written = await self._perform(asked, operation)
            assert isinstance(written, Written)  # a write is answered by what became of it
            must_be_new(written, request)
            response = written_response(method, ask, operation, written, b"/" + asked.address.raw)
        if asked.preferences is not NO_PREFERENCES:
            _say_applied(response, asked.preferences, self._honoured_in(ask, method, operation))
        return response

    async def _act(self, asked: _Asked, receive: Receive) -> Response:
        request = asked.request
        if request.method != "POST":
            raise NotAllowed("an action is done by POST")
        records = await self._records(request, receive)
        model = await self._model(asked)
        asked.preferences.must_be_known()
        laid = self._laid(asked, model)
        wanted = Wanted(self._media_of(request), model, laid, asked.preferences.timezone)
        ask = Ask(asked.query, wanted, asked.preferences, key=request.idempotency_key)
        written = await self._perform(asked, act_of(ask, asked.address.action, records))
        assert isinstance(written, Written)  # an action is answered by what became of it
        response = acted_response(ask, written)
        if asked.preferences is not NO_PREFERENCES:
            _say_applied(response, asked.preferences, HONOURED_IN_ACTIONS)
        return response

    async def _records(self, request: Request, receive: Receive) -> list[Record]:
        request.must_be_plain()
        kind = request.headers.get(b"content-type")
        form = BodyForm.JSON if kind is None else body_form_of(text_of(kind))
        settings = self._settings
        most, patience = settings.max_body, settings.body_timeout
        return records_of(await body_of(receive, most=most, patience=patience, deadlines=self._deadlines), form)

    async def _options(self, asked: _Asked) -> Response:
        model = await self._model(asked)
        verbs = await verbs_of(self._bridge, asked.principal, model)
        return Response(200, [(b"allow", allow_of(model, verbs)), _NOSNIFF])

    async def _root(self, request: Request, principal: Principal, place: Place, address: Address) -> Response:
        if request.method == "OPTIONS":
            return Response(200, [(b"allow", ALLOW_ROOT), _NOSNIFF])
        if request.method not in _READS:
            raise NotAllowed(f"Unsupported HTTP method: {request.method[:20]}")
        media = describes(text_of(request.headers.get(b"accept", b"*/*")))
        document = await self._descriptions.document(principal, place, address.resource)
        return Response(200, [(b"content-type", media.content_type), _VARY, _NOSNIFF, _PRIVATE], document)

    async def _model(self, asked: _Asked) -> Model:
        principal = asked.principal
        model = self._places.model(principal, asked.place)
        if principal.rights is not None and not await self._bridge.knows(principal, model):
            raise self._places.unknown(principal, asked.place)
        asked.query.fit(model)
        return model

    def _laid(self, asked: _Asked, model: Model) -> Laid:
        query = asked.query
        if query.flat:
            return Laid(query.selection.columns or (), (), query.where, query.order)

        def find(resource: str, name: str) -> Model:
            return self._bridge.model(asked.principal, resource, name)

        return laid_out(query, model, find, aggregates=self._settings.aggregates)

    def _media_of(self, request: Request) -> Media:
        accept = request.headers.get(b"accept")
        return ARRAY if accept is None else self._media(text_of(accept))

    async def _perform(self, asked: _Asked, operation: Operation) -> Answer:
        try:
            return await self._bridge.handle(self._call(asked, operation))
        except UnknownName as refusal:
            raise _of_a_known_model(refusal, operation.model) from None

    async def _explained(self, asked: _Asked, operation: Operation) -> Response:
        """Answer with the plan of an operation, authorised as it would be, and do nothing."""
        try:
            plan = await self._bridge.explain(self._call(asked, operation))
        except UnknownName as refusal:
            raise _of_a_known_model(refusal, operation.model) from None
        return Response(200, [(b"content-type", PLAN.content_type)], msgspec.json.encode(plan.described()))

    def _call(self, asked: _Asked, operation: Operation) -> Call:
        wait = asked.preferences.wait
        patience = self._settings.deadline if wait is None else min(wait, self._settings.deadline)
        return Call(operation, asked.principal, asked.began + patience)

    async def _must_be_permitted(self, asked: _Asked, model: Model, verb: Verb) -> None:
        if not await self._bridge.permits(asked.principal, model, verb):
            raise _forbidden(model)

    def _honoured(self, kinds: frozenset[str]) -> frozenset[str]:
        return kinds if self._settings.rollback else kinds - {"tx"}

    def _honoured_in(self, ask: Ask, method: str, operation: Write | None) -> frozenset[str]:
        kinds = self._honoured(HONOURED_IN_WRITES[method])
        if not ask.preferences.strict:
            kinds = kinds - {"max-affected"}
        if method == "POST" and not conflict_target(ask):
            kinds = kinds - {"resolution"}
        return kinds


def _operation(method: str, ask: Ask, records: list[Record]) -> Write | None:
    match method:
        case "POST":
            return create_of(ask, records) if records else None
        case "PATCH":
            return update_of(ask, records)
        case "PUT":
            return put_of(ask, records)
        case _:
            return delete_of(ask)


def _of_a_known_model(refusal: UnknownName, model: Model) -> BridgeError:
    """Return what is meant where a model is unknown that the caller knows: the right is missing."""
    return _forbidden(model) if refusal.code == _UNKNOWN_MODEL else refusal


def _forbidden(model: Model) -> Forbidden:
    return Forbidden(f"permission denied for table {model.name}")


def _say_applied(response: Response, preferences: Preferences, honoured: frozenset[str]) -> None:
    value = applied(preferences, honoured)
    if value:
        response.headers.append((b"preference-applied", value))


def _problem(error: BridgeError, request: Request, principal: Principal) -> Response:
    status = status_of(error, anonymous=principal.anonymous)
    headers = problem_headers(error, status, writing=request.method in _WRITES)
    if status == 405:
        headers.append((b"allow", _METHODS))
    return Response(status, [*headers, _VARY, _NOSNIFF], problem_body(error))
