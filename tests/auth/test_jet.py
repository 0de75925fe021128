"""Credentials of Jet Admin: its JWTs, its permissions, and the service that decides about its other tokens."""

import asyncio
import base64
import gzip
import hashlib
import json
import socket
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bridge_core.auth.authenticate import Asked, Authenticator, Tenant
from bridge_core.auth.jet_token_kind import JetTokenKind
from bridge_core.auth.outgoing import Outgoing
from bridge_core.auth.project_auth import ProjectAuth
from bridge_core.auth.project_token_kind import JetBearerKind, ProjectTokenKind
from bridge_core.auth.settings import JetSettings
from bridge_core.call import Principal
from bridge_core.errors import ConfigurationError, Unauthenticated, Unavailable
from bridge_core.operations import Verb
from bridge_core.policy import Policy
from bridge_core.schema import Field, FieldType, Model
from tests.auth.conftest import NOW, PROJECT_TOKEN, Clock
from tests.support.jet import Service

pytestmark = pytest.mark.anyio

OWN_HASH = hashlib.sha256(PROJECT_TOKEN.replace("-", "").encode()).hexdigest()
LETTERS = {Verb.READ: "r", Verb.CREATE: "w", Verb.UPDATE: "w", Verb.DELETE: "d", Verb.ACT: "w"}


def item(kind: str, thing: str, actions: str, bound: str | None = None) -> dict[str, str]:
    made = {"permission_type": kind, "permission_object": thing, "permission_actions": actions}
    return made if bound is None else made | {"resource_token_hash": bound}


def packed(items: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(items).encode())).decode()


LIMITED = packed(
    [
        item("model", "res1.customers", "rw", OWN_HASH),
        item("model", "orders", "r", OWN_HASH),
        item("model", "products", "rwd", "0" * 64),
        item("model", "res1.billing.invoices", "r"),
        item("project", "project_customization", ""),
    ]
)


def token(key: RSAPrivateKey, member: Any, **claims: Any) -> str:
    body = {"user": 7, "project": "shop", "exp": int(NOW) + 60, "projects": {"shop": member}} | claims
    return jwt.encode(body, key, "RS256")


@pytest.fixture
def settings(public_pem: str, service: Service) -> JetSettings:
    return JetSettings.model_validate(
        {
            "api_base_url": f"{service.url}/api",
            "project": "shop",
            "jwt_verify_key": public_pem,
            "bearer_key": "bearer-secret",
            "timeout": 0.5,
        }
    )


@pytest.fixture
async def authenticator(settings: JetSettings, clock: Clock) -> AsyncIterator[Authenticator]:
    outgoing = Outgoing(settings.timeout)
    service = ProjectAuth(settings, outgoing, clock)

    yield Authenticator(
        [
            JetTokenKind(settings, PROJECT_TOKEN, clock, "shop"),
            ProjectTokenKind(settings, service, PROJECT_TOKEN, clock, "shop"),
            JetBearerKind(settings, clock, "shop"),
        ],
        clock=clock,
    )
    await outgoing.close()


async def allowed(principal: Principal, model: str, resource: str = "shop") -> str:
    """Return the letters of the verbs that the credential allows on a model."""
    assert principal.rights is not None
    verbs = [verb for verb in Verb if await principal.rights.allow(resource, model, verb)]
    return "".join(sorted({LETTERS[verb] for verb in verbs}))


@pytest.mark.parametrize(
    ("member", "models"),
    [
        ({"owner": True}, {"customers": "drw", "invoices": "drw"}),
        ({"super_group": True}, {"customers": "drw"}),
        ({"read_only": True}, {"customers": "r"}),
        ({"read_only": True, "permissions": LIMITED}, {"customers": "r", "tags": "r"}),
        ({"permissions": LIMITED}, {"customers": "rw", "orders": "r", "products": "", "tags": "", "invoices": ""}),
        ({"owner": "yes"}, {"customers": ""}),
        ({}, {"customers": ""}),
    ],
)
async def test_a_jwt_says_what_its_bearer_may_do(
    authenticator: Authenticator, private_key: RSAPrivateKey, member: Any, models: dict[str, str]
) -> None:
    principal = await authenticator.authenticate(f"JWT {token(private_key, member)}")

    assert {model: await allowed(principal, model) for model in models} == models


async def test_a_model_of_another_resource_goes_by_its_full_name(
    authenticator: Authenticator, private_key: RSAPrivateKey
) -> None:
    principal = await authenticator.authenticate(f"JWT {token(private_key, {'permissions': LIMITED})}")

    assert await allowed(principal, "invoices", "billing") == "r"
    assert await allowed(principal, "customers", "billing") == ""


BOMB = base64.b64encode(gzip.compress(b"[" + b" " * 5_000_000 + b"]")).decode()


@pytest.mark.parametrize(
    "permissions",
    [
        "", "x", "!!", BOMB, packed({}), packed([1]), packed([{}]), 5, [], {}, LIMITED + LIMITED, LIMITED[:-8],
        packed([item("model", "a", "r") | {"resource_token_hash": 1}]),
        packed([item("model", "a", "r")] * 10_001),
    ],
)  # fmt: skip
async def test_permissions_that_cannot_be_read_admit_nobody(
    authenticator: Authenticator, private_key: RSAPrivateKey, permissions: Any
) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"JWT {token(private_key, {'permissions': permissions})}")


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(NOW)},
        {"exp": None},
        {"exp": "never"},
        {"exp": True},
        {"exp": 1e308},
        {"nbf": int(NOW) + 60},
        {"projects": None},
        {"projects": {}},
        {"projects": {"other": {"owner": True}}},
        {"projects": {"shop": None}},
        {"projects": {"shop": []}},
        {"projects": []},
        {"user": None},
        {"user": True},
        {"user": {}},
    ],
)
async def test_a_jwt_for_others_or_another_time_admits_nobody(
    authenticator: Authenticator, private_key: RSAPrivateKey, changed: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"JWT {token(private_key, {'owner': True}, **changed)}")


async def test_a_tenant_has_its_own_project_and_its_own_memory(
    authenticator: Authenticator, private_key: RSAPrivateKey
) -> None:
    header = f"JWT {token(private_key, {'owner': True})}"
    other = Asked(tenant=Tenant("tenant2", "11111111-2222-3333-4444-555555555555"))
    await authenticator.authenticate(header)

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(header, None, other)


async def test_a_list_is_read_as_the_protocol_has_it(
    authenticator: Authenticator, private_key: RSAPrivateKey, service: Service
) -> None:
    service.says("good", {"result": True})
    owner = token(private_key, {"owner": True})

    assert (await authenticator.authenticate(f"Token good,JWT {owner}")).subject == "jet:7"
    assert (await authenticator.authenticate("Token good;project_child=kid,Token bad")).subject.startswith("jet-token:")
    assert service.asked[-1]["project_child"] == "kid"
    for wrong in (f"Token good, JWT {owner}", "Token good,", ",Token good", "Token good;a", "Token good;a=1;a=2"):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(wrong)


async def test_the_bearer_key_may_do_everything_and_no_other_may(authenticator: Authenticator) -> None:
    principal = await authenticator.authenticate("Bearer bearer-secret")

    assert await allowed(principal, "customers") == "drw"
    for wrong in ("bearer-secre", "bearer-secrets", "Bearer-secret", "x"):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(f"Bearer {wrong}")


async def test_the_service_is_asked_with_project_token_and_permission(
    authenticator: Authenticator, service: Service
) -> None:
    service.says("good", {"result": True, "warning": "soon"})

    await authenticator.authenticate("Token good", None, Asked(permission=("model", "customers", "r")))

    assert service.asked == [
        {
            "path": "/api/project_auth/",
            "project_token": PROJECT_TOKEN,
            "token": "good",
            "permission_type": "model",
            "permission_object": "customers",
            "permission_actions": "r",
        }
    ]


@pytest.mark.parametrize("name", ["project_token", "token", "permission_type", "permission_actions"])
async def test_no_parameter_stands_in_for_what_the_bridge_says(
    authenticator: Authenticator, service: Service, name: str
) -> None:
    service.says("good", {"result": True})

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Token good;{name}=x")
    assert service.asked == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"result": False}),
        (200, {"result": "true"}),
        (200, {"result": 1}),
        (200, {"result": [True]}),
        (200, {"result": None}),
        (200, {}),
        (200, {"result": True, "access_disabled": True}),
        (200, {"result": True, "access_disabled": "no"}),
        (200, b'{"result": false, "result": true}'),
        (200, b"true"),
        (200, b"[]"),
        (200, b""),
        (200, b"<html>result: true</html>"),
        (200, b'{"result": true}' + b" " * 2_000_000),
        (201, {"result": True}),
        (204, b""),
        (301, {"result": True}),
        (302, {"result": True}),
        (307, {"result": True}),
        (308, {"result": True}),
        (400, {"result": True}),
        (401, {"result": True}),
        (403, {"result": True}),
        (404, {"result": True}),
        (429, {"result": True}),
        (500, {"result": True}),
        (503, {"result": True}),
    ],
)
async def test_only_a_plain_yes_is_a_yes(
    authenticator: Authenticator, service: Service, status: int, body: Any
) -> None:
    service.says("odd", body, status)

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate("Token odd")
    assert [each["path"] for each in service.asked] == ["/api/project_auth/"]


def _hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1)


def _drop(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100")
    handler.end_headers()
    for _ in range(10):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def _garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"nonsense\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("fault", [_hang, _drop, _drip, _garbage])
async def test_an_outage_is_never_a_yes_and_says_so(authenticator: Authenticator, service: Service, fault: Any) -> None:
    service.replies["good"] = fault

    async with asyncio.timeout(3):
        with pytest.raises(Unavailable):
            await authenticator.authenticate("Token good")


async def test_after_some_outages_the_service_is_left_alone_for_a_while(
    authenticator: Authenticator, service: Service, clock: Clock
) -> None:
    service.replies.update({f"t{n}": _drop for n in range(6)})
    for n in range(6):
        with pytest.raises(Unavailable):
            await authenticator.authenticate(f"Token t{n}")
    service.says("good", {"result": True})

    assert len(service.asked) == 5
    with pytest.raises(Unavailable):
        await authenticator.authenticate("Token good")
    clock.now += 11
    assert (await authenticator.authenticate("Token good")).rights is not None


async def test_a_yes_is_remembered_for_its_permission_and_its_time_alone(
    authenticator: Authenticator, service: Service, clock: Clock
) -> None:
    service.says("good", {"result": True})
    read, write = (Asked(permission=("model", "customers", letter)) for letter in "rw")

    for asked in (read, read, write):
        await authenticator.authenticate("Token good", None, asked)
    assert len(service.asked) == 2

    service.says("good", {"result": False})
    clock.now += 29
    await authenticator.authenticate("Token good", None, read)
    clock.now += 2
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate("Token good", None, read)


async def test_a_no_is_remembered_for_a_shorter_time(
    authenticator: Authenticator, service: Service, clock: Clock
) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate("Token late")
    assert len(service.asked) == 1

    service.says("late", {"result": True})
    clock.now += 6
    assert (await authenticator.authenticate("Token late")).rights is not None


async def test_many_requests_with_one_token_ask_once(authenticator: Authenticator, service: Service) -> None:
    service.says("good", {"result": True})

    await asyncio.gather(*(authenticator.authenticate("Token good") for _ in range(50)))

    assert len(service.asked) == 1


CUSTOMERS = Model("customers", (Field("id", FieldType.INTEGER),), key=("id",), resource="shop")


async def test_policy_asks_the_credential_for_each_verb(authenticator: Authenticator, service: Service) -> None:
    service.says("good", {"result": True})
    principal = await authenticator.authenticate("Token good")
    policy = Policy({})

    assert await policy.grant(principal, CUSTOMERS, frozenset({Verb.READ})) is not None
    assert await policy.grant(principal, CUSTOMERS, frozenset({Verb.CREATE, Verb.UPDATE})) is not None
    service.says("good", {"result": False})
    assert await policy.grant(principal, CUSTOMERS, frozenset({Verb.DELETE})) is None

    assert [each.get("permission_actions") for each in service.asked] == [None, "r", "w", "d"]


async def test_rights_are_narrowed_by_roles_where_there_are_any(
    settings: JetSettings, private_key: RSAPrivateKey, clock: Clock
) -> None:
    kind = JetTokenKind(settings.model_copy(update={"roles": ("nobody",)}), PROJECT_TOKEN, clock, "shop")
    owner = await Authenticator([kind], clock=clock).authenticate(f"JWT {token(private_key, {'owner': True})}")

    assert await Policy({}).grant(owner, CUSTOMERS) is None


def test_a_key_that_is_none_stops_the_start(settings: JetSettings, clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match="jwt_verify_key"):
        JetTokenKind(settings.model_copy(update={"jwt_verify_key": "nonsense"}), None, clock)
