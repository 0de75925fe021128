"""The order in which a request is judged, who may what, and the shape of every refusal."""

import asyncio
import logging

import httpx
import pytest

from bridge_core.errors import (
    BridgeError,
    ConfigurationError,
    DeadlineExceeded,
    RateLimited,
    Refused,
    Unavailable,
    UpstreamFailed,
)
from bridge_core.surfaces.http import status_of
from bridge_core.surfaces.rest import RestSettings
from tests.rest.conftest import ADMIN, READER, STRANGER, MakeApp, client_of
from tests.rest.shelf import Shelf

pytestmark = pytest.mark.anyio

WRITER = {"authorization": "Bearer writer"}


@pytest.mark.parametrize(
    ("method", "target", "headers", "status", "code"),
    [
        ("GET", "/a/b?x=y", {"authorization": "Bearer wrong"}, 401, "PGRST301"),
        ("GET", "/a/b?x=y", {"accept-profile": "nowhere"}, 404, "PGRST125"),
        ("BREW", "/books?x=y", {"accept-profile": "nowhere", "content-profile": "nowhere"}, 406, "PGRST106"),
        ("BREW", "/books?x=y", {}, 405, "PGRST117"),
        ("GET", "/nothing?x=y", {"range": "1-0"}, 400, "PGRST100"),
        ("GET", "/nothing", {"range": "1-0"}, 416, "PGRST103"),
        ("POST", "/nothing", {}, 400, "PGRST102"),
        ("GET", "/nothing?select=x(*)", {"accept": "a/b"}, 404, "PGRST205"),
        ("GET", "/books?select=x(*)", {"accept": "a/b"}, 400, "PGRST200"),
        ("GET", "/books?nothing=eq.1", {"accept": "a/b"}, 406, "PGRST107"),
        ("GET", "/books?nothing=eq.1", {"prefer": "handling=strict,x"}, 400, "PGRST122"),
        ("GET", "/books?nothing=eq.1", {}, 400, "42703"),
        ("GET", "/books?id=eq.x", {}, 400, "22P02"),
        ("GET", "/books?order=nothing", {}, 400, "42703"),
        ("GET", "/books?select=nothing", {}, 400, "42703"),
        ("GET", "/rpc/f", {}, 404, "PGRST202"),
        ("GET", "/books/", {}, 404, "PGRST125"),
        ("POST", "/", {}, 405, "PGRST117"),
        ("GET", "/books;x", {}, 404, "PGRST205"),
        ("GET", "/books%2f..%2floans", {}, 404, "PGRST205"),
        ("GET", "/%ff", {}, 404, "PGRST125"),
        ("GET", "/books?id=eq.%00", {}, 400, "22021"),
        ("GET", "/books?id=eq.%ff", {}, 400, "PGRST100"),
        ("GET", "/books?limit=x", {}, 400, "PGRST100"),
        ("GET", "/books?select=id&select=title", {}, 400, "PGRST100"),
    ],
)  # fmt: skip
async def test_the_first_thing_that_is_wrong_decides(
    client: httpx.AsyncClient, method: str, target: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.request(method, target, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert list(answer.json()) == ["code", "message", "details", "hint"]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["proxy-status"] == f"PostgREST; error={code}"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_a_refusal_without_a_body_still_names_its_code(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/nothing")

    assert answer.status_code == 404
    assert answer.headers["proxy-status"] == "PostgREST; error=PGRST205"


async def test_unknown_and_forbidden_models_and_fields_answer_alike(make_app: MakeApp) -> None:
    async with client_of(await make_app(), READER) as client:
        forbidden, unknown = await client.get("/loans"), await client.get("/loens")
        hidden, absent = await client.get("/books?price=eq.1"), await client.get("/books?prize=eq.1")

    assert (forbidden.status_code, unknown.status_code) == (404, 404)
    assert forbidden.text.replace("loans", "X") == unknown.text.replace("loens", "X")
    assert hidden.text.replace("price", "X") == absent.text.replace("prize", "X")


async def test_a_hint_names_models_that_the_caller_may_know_and_no_others(make_app: MakeApp) -> None:
    app = await make_app()
    async with client_of(app, READER) as reader, client_of(app, ADMIN) as admin:
        known = await reader.get("/book")
        hidden = await reader.get("/loanz")
        shown = await admin.get("/loanz")

    assert known.json()["hint"] == "Perhaps you meant the table 'shelf.books'"
    assert hidden.json()["hint"] is None
    assert shown.json()["hint"] == "Perhaps you meant the table 'shelf.loans'"


async def test_somebody_without_any_right_learns_nothing(make_app: MakeApp) -> None:
    app = await make_app()
    async with client_of(app, STRANGER) as stranger, client_of(app, {}) as nobody:
        for path in ("/books", "/nothing"):
            assert (await stranger.get(path)).status_code == 404
            refused = await nobody.get(path)
            assert (refused.status_code, refused.json()["code"]) == (401, "PGRST302")
            assert refused.headers["www-authenticate"] == "Bearer"
        elsewhere = httpx.URL("http://bridge/rest/elsewhere/books")
        assert (await stranger.get(elsewhere)).text.replace("elsewhere", "shelf") == (await stranger.get("/books")).text


async def test_anonymous_callers_have_the_rights_of_their_role(make_app: MakeApp) -> None:
    async with client_of(await make_app(anonymous=("public",)), {}) as nobody:
        assert (await nobody.get("/people.authors")).status_code == 200
        assert (await nobody.get("/books")).status_code == 404
        refused = await nobody.post("/people.authors", json={"id": 2})

    assert (refused.status_code, refused.json()["code"]) == (401, "42501")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_a_right_that_is_missing_on_a_known_model_is_forbidden(
    make_app: MakeApp, shelf: Shelf, method: str
) -> None:
    async with client_of(await make_app(), READER) as reader:
        refused = await reader.request(method, "/books?id=eq.1", json={"id": 1})

    assert (refused.status_code, refused.json()["code"]) == (403, "42501")
    assert not shelf.operations


async def test_who_may_only_add_cannot_read_back_what_others_wrote(make_app: MakeApp, shelf: Shelf) -> None:
    async with client_of(await make_app(), WRITER) as writer:
        added = await writer.post("/books", json={"id": 9, "title": "x"}, headers={"prefer": "return=headers-only"})
        upserted = await writer.post("/books", json={"id": 9}, headers={"prefer": "resolution=merge-duplicates"})
        read = await writer.get("/books")

    assert (added.status_code, added.headers.get("location")) == (201, None)
    assert upserted.status_code == 201 or upserted.status_code >= 400
    assert read.status_code == 403
    assert len(shelf.operations) <= 2


@pytest.mark.parametrize(
    ("headers", "description"),
    [
        ({"authorization": "Bearer wrong"}, "JWT cryptographic operation failed"),
        ({"apikey": "wrong"}, "JWT cryptographic operation failed"),
        ({"authorization": "Bearer wrong", "apikey": "admin"}, "JWT cryptographic operation failed"),
    ],
)
async def test_a_wrong_credential_is_told_to_its_bearer(
    make_app: MakeApp, headers: dict[str, str], description: str
) -> None:
    async with client_of(await make_app(), {}) as client:
        answer = await client.get("/books", headers=headers)

    assert answer.status_code == 401
    challenge = f'Bearer error="invalid_token", error_description="{description}"'
    assert answer.headers["www-authenticate"] == challenge


async def test_an_apikey_counts_where_there_is_no_authorization(make_app: MakeApp) -> None:
    async with client_of(await make_app(), {}) as client:
        assert (await client.get("/books", headers={"apikey": "admin"})).status_code == 200


async def test_two_authorizations_are_none(make_app: MakeApp) -> None:
    async with client_of(await make_app(), {}) as client:
        answer = await client.get(
            "/books", headers=[("authorization", "Bearer admin"), ("authorization", "Bearer admin")]
        )

    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["access_token", "apikey", "token", "jwt", "Token"])
async def test_a_credential_in_the_url_is_refused_and_not_repeated(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/books?{name}=eyJsecret.secret.secret")

    assert answer.status_code == 400
    assert "secret" not in answer.text
    assert "Authorization" in answer.json()["hint"]


async def test_a_field_that_is_called_like_a_credential_is_a_field(client: httpx.AsyncClient) -> None:
    assert (await client.get("/loans?token=eq.abc")).json() == [{"book": 1, "Week Day": "Monday", "token": "abc"}]


async def test_a_url_has_its_limit(make_app: MakeApp) -> None:
    async with client_of(await make_app(RestSettings(max_url=100))) as client:
        answer = await client.get(f"/books?title=eq.{'x' * 100}")

    assert answer.status_code == 414


async def test_a_body_has_its_limit(make_app: MakeApp) -> None:
    async with client_of(await make_app(RestSettings(max_body=100))) as client:
        answer = await client.post("/books", content=b"x" * 101)

    assert (answer.status_code, answer.json()["code"]) == (413, "BRG413")


@pytest.mark.parametrize(
    ("failure", "status", "headers"),
    [
        (Unavailable("no connection", retry_after=2.2), 503, {"retry-after": "3"}),
        (Unavailable("no connection", retry_after=float("inf")), 503, {"retry-after": "86400"}),
        (RateLimited("quota", retry_after=60), 429, {"retry-after": "60"}),
        (DeadlineExceeded("too slow"), 504, {"retry-after": "1"}),
        (UpstreamFailed("failed"), 502, {}),
        (UpstreamFailed("system error", code="58000"), 500, {}),
        (Refused("cannot"), 422, {}),
    ],
)
async def test_a_failure_has_its_status_and_says_when_to_come_again(
    client: httpx.AsyncClient, shelf: Shelf, failure: BridgeError, status: int, headers: dict[str, str]
) -> None:
    shelf.failure = failure
    answer = await client.get("/books")

    assert answer.status_code == status
    assert answer.headers.items() >= headers.items()


async def test_what_is_written_for_the_operator_is_not_told_to_callers(client: httpx.AsyncClient, shelf: Shelf) -> None:
    shelf.failure = ConfigurationError("plugins.toml [resources.shelf]: the password is wrong")
    answer = await client.get("/books")

    assert answer.status_code == 503
    assert "password" not in answer.text


async def test_an_exception_that_nobody_expected_says_nothing_but_its_number(
    client: httpx.AsyncClient, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.failure = RuntimeError("the driver says: secret")
    with caplog.at_level(logging.ERROR):
        read = await client.get("/books")
        written = await client.post("/books", json={"title": "x"})

    assert read.status_code == written.status_code == 500
    assert "secret" not in read.text
    number = read.json()["details"].removeprefix("request id ")
    assert number in caplog.text
    assert "bridge-outcome" not in read.headers
    assert written.headers["bridge-outcome"] == "unknown"


@pytest.mark.parametrize(("prefer", "status"), [("wait=1", 504), ("wait=0", 504)])
async def test_a_caller_may_ask_for_an_answer_soon(make_app: MakeApp, shelf: Shelf, prefer: str, status: int) -> None:
    shelf.hold = asyncio.Event()
    async with client_of(await make_app(RestSettings(deadline=0.05))) as client:
        answer = await client.get("/books", headers={"prefer": prefer})

    assert answer.status_code == status
    assert shelf.cancelled


@pytest.mark.parametrize(
    ("code", "anonymous", "status"),
    [
        ("42501", True, 401),
        ("42501", False, 403),
        ("23505", False, 409),
        ("22P02", False, 400),
        ("08006", False, 503),
        ("53300", False, 503),
        ("57P01", False, 503),
        ("57014", False, 504),
        ("40001", False, 500),
        ("42P17", False, 500),
        ("42P01", False, 404),
        ("25006", False, 405),
        ("PT418", False, 418),
        ("PT200", False, 500),
        ("P0001", False, 400),
        ("42703", False, 400),
        ("PGRST116", False, 406),
        ("PGRST201", False, 300),
        ("BRG502", False, 502),
    ],
)
def test_a_code_has_its_status(code: str, anonymous: bool, status: int) -> None:
    assert status_of(UpstreamFailed("x", code=code), anonymous=anonymous) == status


def test_what_the_caller_can_change_is_never_a_failure_of_the_server() -> None:
    assert status_of(Refused("x", code="21000")) == 422
    assert status_of(Refused("x", code="58000")) == 422
