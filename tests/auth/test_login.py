"""Log in, refresh, log out, revoke: over the whole application, on two workers that share a store."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from argon2 import PasswordHasher

from bridge_core.auth import login as login_module
from bridge_core.auth.assembly import Auth
from bridge_core.auth.attempts import Addresses, Attempts
from bridge_core.auth.passwords import Passwords
from bridge_core.auth.settings import LoginSettings
from bridge_core.config import load
from bridge_core.errors import BadValue, RateLimited
from bridge_core.server import Site
from bridge_core.store import keys, users
from tests.auth.conftest import SECRET
from tests.support import fakes

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("cities")]

PASSWORD = "correct horse battery"
CONFIG = f"""
[auth]
secret = "{SECRET}"
[resources.world]
adapter = "city"
[roles.visitor.world.cities]
read = true
"""
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@dataclass
class Worker:
    """One process's worth of the application."""

    site: Site
    client: httpx.AsyncClient

    @property
    def auth(self) -> Auth:
        assert self.site._present is not None
        return self.site._present.auth

    async def reads(self, token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return (await self.client.get("/rest/world/cities", headers=headers)).status_code

    async def log_in(self, **form: Any) -> httpx.Response:
        body = {"email": "ada@example.com", "password": PASSWORD} | form
        return await self.client.post("/auth/token", json=body)


async def worker(stack: AsyncExitStack, folder: Path, text: str = CONFIG) -> Worker:
    path = folder / "plugins.toml"
    path.write_text(text, encoding="utf-8")
    site = Site(path, {}, [fakes.entry()])
    await site.open(load(path, {}))
    stack.push_async_callback(site.close)
    transport = httpx.ASGITransport(site)
    client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://bridge"))
    made = Worker(site, client)
    if made.auth.login is not None:
        made.auth.login.passwords = Passwords(CHEAP)
    return made


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[tuple[Worker, Worker]]:
    async with AsyncExitStack() as stack:
        both = (await worker(stack, tmp_path), await worker(stack, tmp_path))
        await users.add(
            both[0].auth.store, "ada@example.com", CHEAP.hash(PASSWORD), ["visitor"], {"country": "FR"}, now=0.0
        )
        yield both


async def refused_within_a_second(where: Worker, token: str) -> bool:
    began = time.monotonic()
    while time.monotonic() < began + 1.0:
        if await where.reads(token) == 401:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_password_becomes_a_token_that_works_on_every_worker(workers: tuple[Worker, Worker]) -> None:
    answer = await workers[0].log_in()

    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "bearer", 3_600)
    assert answer.headers["cache-control"] == "no-store"
    assert [await each.reads(body["access_token"]) for each in workers] == [200, 200]
    me = await workers[1].client.get("/auth/me", headers={"authorization": f"Bearer {body['access_token']}"})
    assert me.json()["roles"] == ["visitor"]
    assert me.json()["claims"]["email"] == "ada@example.com"


@pytest.mark.parametrize(
    "form",
    [
        {"password": "wrong horse"},
        {"email": "nobody@example.com"},
        {"email": "disabled@example.com"},
        {"password": PASSWORD + "x"},
        {"password": PASSWORD + "x" * 2_000},
        {"email": "ada@example.com\0"},
        {"email": "ada@example.com' or '1'='1"},
    ],
)
async def test_every_wrong_log_in_gets_the_same_answer(workers: tuple[Worker, Worker], form: dict[str, str]) -> None:
    store = workers[0].auth.store
    await users.add(store, "disabled@example.com", CHEAP.hash(PASSWORD), ["visitor"], {}, now=0.0)
    await users.change(store, "disabled@example.com", now=0.0, active=False)
    plain = await workers[0].log_in(email="known-to-nobody@example.com")

    answer = await workers[0].log_in(**form)

    assert (answer.status_code, answer.content) == (401, plain.content)
    assert answer.headers == plain.headers


async def test_the_same_work_is_done_for_users_and_for_nobody(workers: tuple[Worker, Worker]) -> None:
    hashed: list[str] = []

    class Watching(PasswordHasher):
        def verify(self, known: str | bytes, password: str | bytes) -> Literal[True]:
            hashed.append(str(known).rsplit("$", 2)[0])
            return super().verify(known, password)

    login = workers[0].auth.login
    assert login is not None
    login.passwords = Passwords(Watching(time_cost=1, memory_cost=64, parallelism=1))

    for email in ("ada@example.com", "nobody@example.com"):
        await workers[0].log_in(email=email, password="wrong horse")

    assert hashed == ["$argon2id$v=19$m=64,t=1,p=1"] * 2


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"email": "a", "email": "ada@example.com", "password": "p"}', "application/json", 400),
        (b'{"email": ["ada@example.com"], "password": "p"}', "application/json", 400),
        (b'{"email": {"$ne": ""}, "password": {"$ne": ""}}', "application/json", 400),
        (b'{"email": "ada@example.com"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 10_000, "application/json", 400),
        (b"x" * 20_000, "application/json", 413),
        (b"email=a&email=b&password=c", "application/x-www-form-urlencoded", 400),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"grant_type=client_credentials", "application/x-www-form-urlencoded", 400),
        (b"<a/>", "text/xml", 400),
    ],
)
async def test_whatever_comes_in_gets_a_problem(
    workers: tuple[Worker, Worker], content: bytes, media: str, status: int
) -> None:
    answer = await workers[0].client.post("/auth/token", content=content, headers={"content-type": media})

    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message", "details", "hint"}


async def test_a_form_as_oauth_clients_send_it_is_taken(workers: tuple[Worker, Worker]) -> None:
    form = {"grant_type": "password", "username": "ADA@example.com", "password": PASSWORD}

    assert (await workers[0].client.post("/auth/token", data=form)).status_code == 200


async def test_after_log_out_no_worker_takes_the_token_or_its_refresh_token(workers: tuple[Worker, Worker]) -> None:
    pair = (await workers[0].log_in()).json()
    token = pair["access_token"]
    assert [await each.reads(token) for each in workers] == [200, 200]

    answer = await workers[0].client.post("/auth/logout", headers={"authorization": f"Bearer {token}"})

    assert answer.status_code == 204
    assert await workers[0].reads(token) == 401
    assert await refused_within_a_second(workers[1], token)
    again = await workers[1].client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert again.status_code == 401


@pytest.mark.parametrize("values", [{"password": "x"}, {"roles": ["admin"]}, {"active": False}])
async def test_whatever_changes_a_users_rights_ends_their_tokens_everywhere(
    workers: tuple[Worker, Worker], values: dict[str, Any]
) -> None:
    pair = (await workers[0].log_in()).json()
    assert [await each.reads(pair["access_token"]) for each in workers] == [200, 200]

    await users.change(workers[0].auth.store, "ada@example.com", now=time.time(), **values)

    assert all(await asyncio.gather(*(refused_within_a_second(each, pair["access_token"]) for each in workers)))
    again = await workers[1].client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert again.status_code == 401


async def test_a_removed_user_is_nobody(workers: tuple[Worker, Worker]) -> None:
    token = (await workers[0].log_in()).json()["access_token"]
    assert await workers[1].reads(token) == 200

    await users.remove(workers[0].auth.store, "ada@example.com", now=time.time())

    assert await refused_within_a_second(workers[1], token)


async def test_a_key_works_until_it_is_revoked(workers: tuple[Worker, Worker]) -> None:
    store = workers[0].auth.store
    text = await keys.create(store, "import", ["visitor"], {}, now=time.time(), expires=None)
    assert [await each.reads(text) for each in workers] == [200, 200]
    by_header = await workers[0].client.get("/rest/world/cities", headers={"apikey": text})
    assert by_header.status_code == 200

    await keys.revoke(store, (await keys.every(store))[0].id, now=time.time())

    assert all(await asyncio.gather(*(refused_within_a_second(each, text) for each in workers)))


async def test_use_of_a_key_is_noted(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await worker(stack, tmp_path)
        text = await keys.create(one.auth.store, "import", ["visitor"], {}, now=time.time(), expires=None)
        await one.reads(text)
    async with AsyncExitStack() as stack:
        two = await worker(stack, tmp_path)
        (key,) = await keys.every(two.auth.store)

    assert key.last_used is not None
    assert abs(key.last_used - time.time()) < 60


async def test_a_refresh_token_works_once(workers: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    first = (await workers[0].log_in()).json()
    form = {"refresh_token": first["refresh_token"]}

    answers = await asyncio.gather(*(each.client.post("/auth/refresh", json=form) for each in workers * 3))

    assert sorted(each.status_code for each in answers) == [200] + [401] * 5
    second = next(each.json() for each in answers if each.status_code == 200)
    assert await workers[1].reads(second["access_token"]) == 200
    monkeypatch.setattr(login_module, "GRACE", -1.0)  # as if much later
    stolen = await workers[1].client.post("/auth/refresh", json=form)
    assert stolen.status_code == 401
    assert all(await asyncio.gather(*(refused_within_a_second(each, second["access_token"]) for each in workers)))
    last = await workers[0].client.post("/auth/refresh", json={"refresh_token": second["refresh_token"]})
    assert last.status_code == 401


async def test_kinds_of_tokens_do_not_stand_in_for_each_other(workers: tuple[Worker, Worker]) -> None:
    pair = (await workers[0].log_in()).json()

    assert await workers[0].reads(pair["refresh_token"]) == 401
    swapped = await workers[0].client.post("/auth/refresh", json={"refresh_token": pair["access_token"]})
    assert swapped.status_code == 401


@pytest.mark.parametrize("path", ["/auth/me", "/auth/token", "/rest/world/cities", "/nothing"])
@pytest.mark.parametrize("name", ["access_token", "apikey", "Authorization", "other"])
async def test_a_credential_in_a_url_is_refused(workers: tuple[Worker, Worker], path: str, name: str) -> None:
    token = (await workers[0].log_in()).json()["access_token"]

    answer = await workers[0].client.get(path, params={name: token})

    assert answer.status_code == 400
    assert token not in answer.text


async def test_without_a_secret_nobody_can_log_in_but_keys_work(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await worker(stack, tmp_path, CONFIG.replace(f'secret = "{SECRET}"', ""))
        text = await keys.create(one.auth.store, "import", ["visitor"], {}, now=time.time(), expires=None)

        assert (await one.log_in()).status_code == 405
        assert await one.reads(text) == 200


async def test_when_revocations_cannot_be_heard_of_nobody_is_believed(workers: tuple[Worker, Worker]) -> None:
    token = (await workers[0].log_in()).json()["access_token"]
    assert await workers[0].reads(token) == 200

    async with workers[1].auth.store.writing() as connection:
        await connection.exec_driver_sql("drop table bridge_state")
        await connection.exec_driver_sql("drop table bridge_revocations")

    began = time.monotonic()
    while await workers[0].reads(token) == 200:
        assert time.monotonic() < began + 1.5
        await asyncio.sleep(0.02)
    assert await workers[0].reads(token) == 503


def test_attempts_are_bounded_whatever_the_client_claims_to_be() -> None:
    attempts, addresses = Attempts(LoginSettings()), Addresses([])
    reached = 0
    for n in range(1_000):
        address = addresses.client("203.0.113.9", [f"10.0.{n % 250}.{n // 250}"])
        try:
            attempts.count(users.address(f" ADA@{'Example' if n % 2 else 'EXAMPLE'}.com"), address, known=False)
            reached += 1
        except RateLimited:
            pass

    assert reached == 10
    attempts.count("ada@example.com", "198.51.100.1", known=False)  # the owner, from elsewhere


def test_an_attack_from_everywhere_does_not_shut_the_owner_out() -> None:
    attempts = Attempts(LoginSettings())
    reached = 0
    for n in range(1_000):
        try:
            attempts.count("ada@example.com", f"198.51.{n // 250}.{n % 250}", known=False)
            reached += 1
        except RateLimited:
            pass

    assert reached == 100
    attempts.count("ada@example.com", "203.0.113.9", known=True)


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ([], "203.0.113.9", ["1.2.3.4"], "203.0.113.9"),
        (["10.0.0.0/8"], "10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        (["10.0.0.0/8"], "10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (["10.0.0.0/8"], "10.0.0.1", ["6.6.6.6", "1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        (["10.0.0.0/8"], "10.0.0.1", [], "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", ["nonsense"], "unknown"),
        ([], "2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ([], "", [], "unknown"),
    ],
)
def test_only_our_own_proxies_say_where_a_client_is(
    trusted: list[str], peer: str, forwarded: list[str], client: str
) -> None:
    assert Addresses(trusted).client(peer, forwarded) == client


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
async def test_a_password_that_is_easy_to_guess_is_not_taken(password: str) -> None:
    with pytest.raises(BadValue):
        await Passwords(CHEAP).hashed(password)
