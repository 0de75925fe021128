"""What a data token must be, and what is never taken for one."""

import base64
import json
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from bridge_core.auth.authenticate import Authenticator
from bridge_core.auth.data_token_kind import DataTokenKind
from bridge_core.auth.data_tokens import REFRESH, DataTokens
from bridge_core.auth.settings import AuthSettings, signing_key
from bridge_core.call import ANONYMOUS
from bridge_core.errors import ConfigurationError, Unauthenticated
from tests.auth.conftest import NOW, SECRET, Clock


@pytest.fixture
def tokens(clock: Clock) -> DataTokens:
    return DataTokens(AuthSettings(secret=SecretStr(SECRET)), clock)


@pytest.fixture
def authenticator(tokens: DataTokens, clock: Clock) -> Authenticator:
    return Authenticator([DataTokenKind(tokens)], clock=clock)


@pytest.mark.anyio
async def test_an_issued_token_names_its_bearer(authenticator: Authenticator, tokens: DataTokens) -> None:
    header = f"Bearer {tokens.issue('7', roles=('support',), claims={'country': 'FR'})}"

    principal = await authenticator.authenticate(header)

    assert (principal.subject, principal.roles) == ("7", ("support",))
    assert principal.claims == {"country": "FR", "sub": "7"}
    assert authenticator.remembered(header) is principal


@pytest.mark.anyio
async def test_a_remembered_token_expires_like_any_other(
    authenticator: Authenticator, tokens: DataTokens, clock: Clock
) -> None:
    header = f"Bearer {tokens.issue('7')}"
    await authenticator.authenticate(header)

    clock.now += 3_600

    assert authenticator.remembered(header) is None
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(header)


@pytest.mark.anyio
async def test_without_a_credential_the_caller_is_anonymous(authenticator: Authenticator) -> None:
    assert await authenticator.authenticate(None) is ANONYMOUS


@pytest.mark.anyio
async def test_every_flipped_bit_spoils_a_token(authenticator: Authenticator, tokens: DataTokens) -> None:
    token = tokens.issue("7", roles=("admin",))

    for position in range(len(token)):
        for bit in range(7):
            flipped = token[:position] + chr(ord(token[position]) ^ (1 << bit)) + token[position + 1 :]
            with pytest.raises(Unauthenticated):
                await authenticator.authenticate(f"Bearer {flipped}")


def signed(header: dict[str, Any], payload: Any, key: str = SECRET, algorithm: str = "HS256") -> str:
    """Sign anything, as a forger with the key would."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return jwt.api_jws.PyJWS().encode(raw, key, algorithm, headers=header)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "gen", "roles", "claims"])
@pytest.mark.parametrize("value", [None, True, 1e308, -1, "", [], {}, "x" * 300, 2**60, [1], "absent"])
@pytest.mark.anyio
async def test_every_claim_is_required_and_strictly_typed(
    authenticator: Authenticator, tokens: DataTokens, claim: str, value: object
) -> None:
    header, payload = _parts(tokens.issue("7", claims={"a": 1}))
    payload.pop(claim)
    if value != "absent":
        payload[claim] = value
    if (claim, json.dumps(value)) in {("roles", "[]"), ("claims", "{}")}:
        payload["exp"] = 0  # an empty list of roles is fine; a token that is over is not

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {signed(header, payload)}")


@pytest.mark.anyio
async def test_a_name_that_appears_twice_spoils_a_token(authenticator: Authenticator, tokens: DataTokens) -> None:
    header, payload = _parts(tokens.issue("7"))
    doubled = json.dumps(payload)[:-1] + ', "sub": "8"}'

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {signed(header, doubled.encode())}")


@pytest.mark.anyio
async def test_a_refresh_token_is_no_data_token(authenticator: Authenticator, tokens: DataTokens) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {tokens.issue('7', typ=REFRESH)}")


@pytest.mark.anyio
async def test_a_previous_secret_counts_until_its_time_is_over(clock: Clock) -> None:
    old = DataTokens(AuthSettings(secret=SecretStr(SECRET)), clock)
    header = f"Bearer {old.issue('7')}"
    rotated = AuthSettings.model_validate(
        {"secret": SECRET[::-1], "previous": [{"secret": SECRET, "until": int(NOW) + 60}]}
    )
    authenticator = Authenticator([DataTokenKind(DataTokens(rotated, clock))], clock=clock)

    assert (await authenticator.authenticate(header)).subject == "7"

    clock.now += 61
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(header)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "brief",
        "x" * 64,
        "5f9c1a52-2f3e-4f9b-9a54-0d2c7c1e8a11",
        "5f9c1a522f3e4f9b9a540d2c7c1e8a11",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "reallyreallyreallyreallyverysafe",
        "-----BEGIN PUBLIC KEY-----MIIBIjANBgkqhkiG9w0BAQEFAAOC",
    ],
)
def test_a_weak_secret_is_refused_with_a_line_that_makes_a_good_one(secret: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        signing_key(SecretStr(secret))

    assert "token_urlsafe" in str(refusal.value.hint)
    assert not secret or secret not in refusal.value.message


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second, _ = token.split(".")
    return _json(first), _json(second)


def _json(segment: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return loaded
