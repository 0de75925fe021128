"""Forged, damaged, expired and swapped credentials against every route; faults in every step of a check."""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.api_jws import PyJWS

from bridge_core.auth import (
    api_key_kind,
    authenticate,
    data_token_kind,
    data_tokens,
    jet_token_kind,
    key_sets,
    oidc,
    outgoing,
    project_auth,
    project_token_kind,
    standing,
)
from bridge_core.store import keys, users
from bridge_core.store.engine import Store
from bridge_core.surfaces import routes
from bridge_core.surfaces.routes import Application, Entry
from tests.auth.conftest import PROJECT_TOKEN, SECRET
from tests.auth.forgeries import OLD_SECRET, Corpus
from tests.auth.test_login import Worker, worker
from tests.support.jet import Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("cities")]


def config(service: Service, public_pem: str) -> str:
    return f"""
[auth]
secret = "{SECRET}"
[[auth.previous]]
secret = "{OLD_SECRET}"
until = {int(time.time()) - 1}
[auth.jet]
api_base_url = "{service.url}/api"
project = "shop"
project_token = "{PROJECT_TOKEN}"
timeout = 0.3
jwt_verify_key = '''{public_pem}'''
[[auth.oidc]]
issuer = "{service.url}"
audience = "bridge"
timeout = 0.3
roles = {{ staff = "visitor" }}
[resources.world]
adapter = "city"
default = true
[resources.other]
adapter = "city"
[roles.visitor.world.cities]
read = true
create = true
update = true
delete = true
"""


@pytest.fixture
async def site(tmp_path: Path, service: Service, public_pem: str, private_key: RSAPrivateKey) -> AsyncIterator[Worker]:
    service.says("/.well-known/openid-configuration", {"issuer": service.url, "jwks_uri": f"{service.url}/keys"})
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private_key.public_key()))
    service.says("/keys", {"keys": [jwk | {"kid": "one"}]})
    service.says("good-token", {"result": True})
    async with AsyncExitStack() as stack:
        yield await worker(stack, tmp_path, config(service, public_pem))


GUARDED = (
    ("GET", "/rest/world/cities"),
    ("HEAD", "/rest/world/cities?id=eq.1"),
    ("POST", "/rest/world/cities"),
    ("PATCH", "/rest/world/cities?id=eq.1"),
    ("PUT", "/rest/world/cities?id=eq.1"),
    ("DELETE", "/rest/world/cities?id=eq.1"),
    ("GET", "/rest/v1/cities"),
    ("GET", "/rest/world/"),
    ("GET", "/auth/me"),
    ("POST", "/auth/logout"),
)
PUBLIC = {"/healthz", "/readyz", "/auth/token", "/auth/refresh"}


def _accepted(status: int) -> bool:
    return status not in (400, 401, 403, 404, 405, 413, 414, 431)


async def test_no_spoilt_credential_is_accepted_on_any_route(
    site: Worker, private_key: RSAPrivateKey, public_pem: str, service: Service
) -> None:
    corpus = list(Corpus(private_key, public_pem, service.url).headers())
    accepted = []

    for name, headers in corpus:
        for method, path in GUARDED:
            answer = await site.client.request(method, path, headers=headers)
            if _accepted(answer.status_code):
                accepted.append((name, method, path, answer.status_code))

    assert len({name for name, _ in corpus}) == len(corpus) >= 60
    assert accepted == []


async def test_the_valid_ones_that_were_spoilt_are_accepted(
    site: Worker, private_key: RSAPrivateKey, public_pem: str, service: Service
) -> None:
    corpus = Corpus(private_key, public_pem, service.url)
    bearers = (f"Bearer {corpus.token}", f"bearer {corpus.token}", f"Bearer {corpus.oidc()}")

    for value in (*bearers, f"JWT {corpus.jet()}", "Token good-token"):
        headers = {"authorization": value}
        for path in ("/auth/me", "/rest/world/cities"):
            assert (await site.client.get(path, headers=headers)).status_code == 200, value


async def test_every_refusal_has_one_wording(
    site: Worker, private_key: RSAPrivateKey, public_pem: str, service: Service
) -> None:
    corpus = Corpus(private_key, public_pem, service.url)
    said = set()
    for name, headers in corpus.headers():
        if not any(key in (b"authorization", b"apikey") for key, _ in headers):
            continue
        answer = await site.client.get("/rest/world/cities", headers=headers)
        assert answer.status_code == 401, name
        said.add((answer.content, answer.headers["www-authenticate"]))

    assert len(said) == 1


async def test_a_token_for_one_resource_is_not_good_for_another(
    site: Worker, private_key: RSAPrivateKey, public_pem: str, service: Service
) -> None:
    token = Corpus(private_key, public_pem, service.url).token
    headers = {"authorization": f"Bearer {token}"}

    here = await site.client.get("/rest/world/cities", headers=headers)
    there = await site.client.get("/rest/other/cities", headers=headers)
    nowhere = await site.client.get("/rest/other/citiez", headers=headers)

    assert (here.status_code, there.status_code) == (200, 404)
    assert there.content == nowhere.content.replace(b"citiez", b"cities")


async def test_no_route_is_missing_from_this_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {path.split("?")[0] for _, path in GUARDED} | PUBLIC
    tables: list[list[Entry]] = []
    real = routes.application

    def watched(table: list[Entry]) -> Application:
        tables.append(table)
        return real(table)

    monkeypatch.setattr("bridge_core.generation.application", watched)
    async with AsyncExitStack() as stack:
        await worker(stack, tmp_path, f'[auth]\nsecret = "{SECRET}"\n[resources.world]\nadapter = "city"\n')

    paths = {entry.path for entry in tables[0]}
    assert {path for path in paths if not any(each.startswith(path) for each in known)} == set()


def _raises(error: type[BaseException]) -> Callable[..., Any]:
    def fault(*args: Any, **kwargs: Any) -> Any:
        raise error("injected")

    return fault


def _hands_out(value: Any) -> Callable[..., Any]:
    def fault(*args: Any, **kwargs: Any) -> Any:
        return value

    return fault


def _later(value: Any) -> Callable[..., Any]:
    async def fault(*args: Any, **kwargs: Any) -> Any:
        return value

    return fault


STEPS: Mapping[str, tuple[Any, str]] = {
    "the choice of a credential": (authenticate, "chosen"),
    "the verification": (authenticate.Authenticator, "_verify"),
    "data tokens: parsing": (data_token_kind, "parsed"),
    "data tokens: taking": (data_token_kind.DataTokenKind, "takes"),
    "data tokens: kind": (data_token_kind.DataTokenKind, "verify"),
    "data tokens: verification": (data_tokens.DataTokens, "verify"),
    "data tokens: claims": (data_tokens.DataTokens, "_checked"),
    "data tokens: signature": (PyJWS, "decode_complete"),
    "data tokens: standing": (standing.StoreStanding, "holds"),
    "revocations": (users, "standing"),
    "the store": (Store, "reading"),
    "keys: kind": (api_key_kind.ApiKeyKind, "verify"),
    "keys: finding": (keys, "find"),
    "Jet JWT: kind": (jet_token_kind.JetTokenKind, "verify"),
    "Jet JWT: parsing": (jet_token_kind, "parsed"),
    "Jet JWT: signature": (PyJWS, "decode_complete"),
    "Jet JWT: claims": (jet_token_kind.JetTokenKind, "_accepted"),
    "project tokens: kind": (project_token_kind.ProjectTokenKind, "verify"),
    "project tokens: asking": (project_auth.ProjectAuth, "ask"),
    "project tokens: exchange": (outgoing.Outgoing, "exchange"),
    "project tokens: reading the answer": (project_auth, "_is_yes"),
    "OIDC: kind": (oidc.OidcKind, "verify"),
    "OIDC: parsing": (oidc, "parsed"),
    "OIDC: keys": (key_sets.KeySet, "find"),
    "OIDC: document": (outgoing.Outgoing, "document"),
    "OIDC: claims": (oidc._Issuer, "_accepted"),
    "hashes": (hashlib, "sha256"),
}
FAULTS: Mapping[str, Callable[..., Any]] = {
    "RuntimeError": _raises(RuntimeError),
    "KeyError": _raises(KeyError),
    "TimeoutError": _raises(TimeoutError),
    "MemoryError": _raises(MemoryError),
    "OSError": _raises(OSError),
    "None at once": _hands_out(None),
    "None later": _later(None),
    "True at once": _hands_out(True),
    "an object": _hands_out(object()),
}
SURE: Mapping[str, tuple[str, ...]] = {  # which credential goes through a step for certain
    "data": ("the choice", "the verification", "data tokens", "revocations", "the store"),
    "key": ("the choice", "the verification", "keys", "the store"),
    "jet": ("the choice", "the verification", "Jet JWT"),
    "user": ("the choice", "the verification", "project tokens", "hashes"),
    "oidc": ("the choice", "the verification", "OIDC"),
}
HARMLESS = (
    {  # where the fault says what the truth is: the signature was checked for its error, not for its result
        ("data tokens: signature", fault) for fault in FAULTS if not fault.endswith("Error")
    }
    | {("Jet JWT: signature", fault) for fault in FAULTS if not fault.endswith("Error")}
    | {
        ("project tokens: reading the answer", "True at once"),  # the service said yes
        ("data tokens: taking", "True at once"),
        ("data tokens: taking", "an object"),
        ("data tokens: taking", "None later"),  # a coroutine is true; the verification itself still stands
    }
)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.filterwarnings("ignore:coroutine")
async def test_a_fault_in_a_step_admits_nobody(
    site: Worker,
    private_key: RSAPrivateKey,
    public_pem: str,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    fault: str,
) -> None:
    corpus = Corpus(private_key, public_pem, service.url)
    key = await keys.create(site.auth.store, "k", ["visitor"], {}, now=time.time(), expires=None)
    headers = {
        "data": f"Bearer {corpus.token}",
        "key": f"Bearer {key}",
        "jet": f"JWT {corpus.jet()}",
        "user": "Token good-token",
        "oidc": f"Bearer {corpus.oidc()}",
    }
    monkeypatch.setattr(*STEPS[step], FAULTS[fault])

    for kind, value in headers.items():
        if not step.startswith(SURE[kind]):
            continue
        answer = await site.client.get("/auth/me", headers={"authorization": value})
        if (step, fault) not in HARMLESS:
            assert answer.status_code in (401, 500, 502, 503), kind
            assert "injected" not in answer.text
