"""Tokens of identity providers: a real provider on a socket, and keys that rotate."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm

from bridge_core.auth.authenticate import Authenticator
from bridge_core.auth.key_sets import KeySet
from bridge_core.auth.oidc import OidcKind
from bridge_core.auth.outgoing import Outgoing
from bridge_core.auth.settings import OidcSettings
from bridge_core.errors import Unauthenticated, Unavailable
from tests.auth.conftest import NOW, Clock
from tests.support.jet import Service
from tests.support.provider import Provider

pytestmark = pytest.mark.anyio

ROLES = {"staff": "support", "boss": "admin"}


def jwk(key: RSAPrivateKey, **more: Any) -> dict[str, Any]:
    return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), **more}


@pytest.fixture
def settings(service: Service) -> OidcSettings:
    return OidcSettings(issuer=service.url, audience="bridge", roles=ROLES, role_claim="realm.groups", timeout=0.5)


@pytest.fixture
async def authenticator(settings: OidcSettings, clock: Clock) -> AsyncIterator[Authenticator]:
    outgoing = Outgoing(settings.timeout)
    yield Authenticator([OidcKind([(settings, KeySet(settings, outgoing, clock))], clock)], clock=clock)
    await outgoing.close()


@pytest.fixture
def published(service: Service, private_key: RSAPrivateKey) -> Service:
    publish(service, [jwk(private_key, kid="one")])
    return service


def publish(service: Service, keys: list[dict[str, Any]]) -> None:
    discovery = {"issuer": service.url, "jwks_uri": f"{service.url}/keys"}
    service.says("/.well-known/openid-configuration", discovery)
    service.says("/keys", {"keys": keys})


def token(
    service: Service, key: RSAPrivateKey, kid: str | None = "one", algorithm: str = "RS256", **changed: Any
) -> str:
    body: dict[str, Any] = {
        "iss": service.url,
        "aud": "bridge",
        "sub": "ada",
        "iat": int(NOW),
        "exp": int(NOW) + 600,
        "email": "ada@example.com",
        "realm": {"groups": ["staff", "others"]},
    }
    merged = {name: value for name, value in (body | changed).items() if value != "absent"}
    return "Bearer " + jwt.encode(merged, key, algorithm, headers={"kid": kid} if kid else None)


async def test_a_token_of_a_configured_issuer_names_its_bearer(
    authenticator: Authenticator, published: Service, private_key: RSAPrivateKey
) -> None:
    principal = await authenticator.authenticate(token(published, private_key))

    assert principal.subject == f"{published.url}#ada"
    assert principal.roles == ("support",)
    assert principal.claims == {"email": "ada@example.com", "sub": "ada", "iss": published.url}


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "http://127.0.0.1"},
        {"aud": "other"},
        {"aud": "bridge2"},
        {"aud": ["other"]},
        {"aud": "absent"},
        {"aud": None},
        {"aud": {"bridge": 1}},
        {"exp": "absent"},
        {"exp": int(NOW)},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 1e300},
        {"nbf": int(NOW) + 60},
        {"iat": int(NOW) + 60},
        {"iat": "now"},
        {"sub": "absent"},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 300},
    ],
)
async def test_a_token_for_others_or_another_time_admits_nobody(
    authenticator: Authenticator, published: Service, private_key: RSAPrivateKey, changed: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(token(published, private_key, **changed))


async def test_another_key_or_algorithm_admits_nobody(
    authenticator: Authenticator,
    published: Service,
    private_key: RSAPrivateKey,
    other_private_key: RSAPrivateKey,
    public_pem: str,
) -> None:
    good = token(published, private_key).removeprefix("Bearer ")
    payload = good.split(".")[1]

    for wrong in (
        token(published, other_private_key),
        token(published, private_key, kid="two"),
        token(published, private_key, kid="../../one"),
        f"Bearer {_segment({'alg': 'none', 'kid': 'one'})}.{payload}.",
        f"Bearer {_hmac_signed({'alg': 'HS256', 'kid': 'one'}, payload, public_pem)}",
        token(published, private_key, algorithm="RS512"),
    ):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(wrong)


async def test_keys_rotate(
    authenticator: Authenticator,
    published: Service,
    private_key: RSAPrivateKey,
    other_private_key: RSAPrivateKey,
    clock: Clock,
) -> None:
    await authenticator.authenticate(token(published, private_key))
    publish(published, [jwk(other_private_key, kid="two")])
    clock.now += 11

    assert (await authenticator.authenticate(token(published, other_private_key, kid="two"))).roles == ("support",)
    clock.now += 60
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(token(published, private_key))


async def test_unknown_names_do_not_make_it_ask_all_the_time(
    authenticator: Authenticator, published: Service, private_key: RSAPrivateKey
) -> None:
    for n in range(20):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(token(published, private_key, kid=f"k{n}"))

    assert len(published.asked) == 2


@pytest.mark.parametrize(
    ("names", "kid", "admitted"),
    [
        ([None], None, True),
        ([None], "any", True),
        (["one"], None, True),
        (["one"], "other", False),
        ([None, None], None, False),
        (["one", None], None, False),
        ([], None, False),
    ],
)
async def test_a_key_without_a_name_is_taken_where_there_is_no_choice(
    authenticator: Authenticator,
    service: Service,
    private_key: RSAPrivateKey,
    other_private_key: RSAPrivateKey,
    names: list[str | None],
    kid: str | None,
    admitted: bool,
) -> None:
    keys = [private_key, other_private_key]
    publish(service, [jwk(key, **({"kid": name} if name else {})) for key, name in zip(keys, names, strict=False)])

    try:
        await authenticator.authenticate(token(service, private_key, kid=kid))
    except Unauthenticated:
        assert not admitted
    else:
        assert admitted


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {"kty": "RSA", "kid": "one"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "one"},
        {"use": "enc"},
        {"alg": "RS512"},
        "text",
        None,
    ],
)
async def test_keys_that_are_not_for_this_are_not_used(
    authenticator: Authenticator, service: Service, private_key: RSAPrivateKey, entry: Any
) -> None:
    whole = isinstance(entry, dict) and ("use" in entry or "alg" in entry)
    publish(service, [jwk(private_key, kid="one", **entry) if whole else entry])

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(token(service, private_key))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/.well-known/openid-configuration", {}, 500),
        ("/.well-known/openid-configuration", {"issuer": "http://other", "jwks_uri": "http://other/keys"}, 200),
        ("/.well-known/openid-configuration", {"jwks_uri": "file:///etc/passwd"}, 200),
        ("/.well-known/openid-configuration", {}, 302),
        ("/keys", b"", 200),
        ("/keys", b"[]", 200),
        ("/keys", {"keys": {}}, 200),
        ("/keys", {"keys": [{}] * 100}, 200),
        ("/keys", b" " * 1_500_000, 200),
        ("/keys", {}, 404),
    ],
)
async def test_a_provider_that_gives_no_keys_is_an_outage_and_never_a_yes(
    authenticator: Authenticator, published: Service, private_key: RSAPrivateKey, path: str, body: Any, status: int
) -> None:
    published.says(path, body, status)

    with pytest.raises(Unavailable):
        await authenticator.authenticate(token(published, private_key))


async def test_known_keys_outlive_an_outage_but_not_for_ever(
    authenticator: Authenticator, published: Service, private_key: RSAPrivateKey, clock: Clock
) -> None:
    await authenticator.authenticate(token(published, private_key))
    published.says("/keys", {}, 500)

    clock.now += 400
    fresh = token(published, private_key, exp=int(NOW) + 9_999)
    assert (await authenticator.authenticate(fresh)).roles == ("support",)
    clock.now += 3_600
    with pytest.raises(Unavailable):
        await authenticator.authenticate(fresh)


async def test_a_real_provider_signs_people_in(provider: Provider) -> None:
    settings = OidcSettings(
        issuer=provider.url, audience="bridge-client", roles=ROLES, role_claim="groups", claims=("country",)
    )
    outgoing = Outgoing(settings.timeout)
    authenticator = Authenticator([OidcKind([(settings, KeySet(settings, outgoing, time.monotonic))], time.time)])
    id_token = await provider.id_token("ada", "bridge-client", groups=["boss"], country="FR")

    principals = await asyncio.gather(*(authenticator.authenticate(f"Bearer {id_token}") for _ in range(5)))

    assert {(each.roles, each.claims["country"]) for each in principals} == {(("admin",), "FR")}
    damaged = id_token[:-8] + ("A" * 8 if not id_token.endswith("A" * 8) else "B" * 8)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {damaged}")
    await outgoing.close()


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _hmac_signed(header: dict[str, str], payload: str, key: str) -> str:
    signed = f"{_segment(header)}.{payload}"
    mark = hmac.digest(key.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
