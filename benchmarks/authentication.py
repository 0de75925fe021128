"""What it costs to find out who asks and what they may do: the first time, and every time after.

    python -m benchmarks.authentication

Prints microseconds per call, and the share of a second that following revocations takes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge_core.auth.assembly import Auth, open_auth
from bridge_core.auth.data_tokens import DataTokens
from bridge_core.auth.settings import AuthSettings
from bridge_core.call import Call, Principal
from bridge_core.layers.audit import Redaction, audit
from bridge_core.layers.authorize import authorize
from bridge_core.operations import Answer, Delete, Page, Read, Verb, Written
from bridge_core.policy import Policy, Rule
from bridge_core.query import Condition, Op
from bridge_core.query import Path as FieldPath
from bridge_core.rows import Claim
from bridge_core.schema import Field, FieldType, Model
from bridge_core.store import keys
from bridge_core.store.audit import StoreTrail

SECRET: Final = "q8Zb3vK1nT7xW5cJ2mR9dL4hF6gP0sYaUeIoBtXk"
CUSTOMERS: Final = Model(
    "customers", tuple(Field(f"field{n}", FieldType.TEXT) for n in range(20)), key=("field0",), resource="shop"
)
RULE: Final = Rule({Verb.READ: None, Verb.DELETE: None}, Condition(FieldPath("field1"), Op.EQ, Claim(("country",))))


async def main() -> None:
    """Measure and print."""
    key = generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    settings = AuthSettings.model_validate(
        {"secret": SECRET, "jet": {"project": "shop", "project_token": "x", "jwt_verify_key": pem}}
    )
    with TemporaryDirectory() as folder:
        auth = await open_auth(settings, "sqlite:///bridge.db", Path(folder))
        try:
            data = DataTokens(settings, time.time).issue("7", roles=("support",), claims={"country": "FR"})
            jet = jwt.encode({"user": 7, "exp": 2**32, "projects": {"shop": {"owner": True}}}, key, "RS256")
            made = await keys.create(auth.store, "k", ["support"], {"country": "FR"}, now=time.time(), expires=None)
            for name, header in (
                ("data token", f"Bearer {data}"),
                ("Jet JWT", f"JWT {jet}"),
                ("API key", f"Bearer {made}"),
            ):
                await credential(name, header, auth)
            await rights()
            await trail(auth)
            await following(auth)
        finally:
            await auth.close()


async def credential(name: str, header: str, auth: Auth) -> None:
    """Measure one kind of credential: verified, then remembered."""

    async def first() -> None:
        auth.authenticator.memory.clear()
        await auth.authenticator.authenticate(header)

    raw = header.encode()
    await report(f"{name}, first", first, 500)
    plain(f"{name}, remembered", lambda: auth.authenticator.remembered(raw.decode("latin-1")), 200_000)


async def rights() -> None:
    """Measure the decision of policy, and the whole layer around a read."""
    policy = Policy({("support", "shop", "customers"): RULE})
    principal = Principal("7", ("support",), {"country": "FR"})
    view = policy.view(principal, CUSTOMERS)
    assert view is not None
    call = Call(Read(view, where=Condition(FieldPath("field2"), Op.EQ, "x")), principal, 0.0)
    handle = authorize(policy)(_inner)
    await report("policy: decision", lambda: policy.grant(principal, view), 100_000)
    await report("authorize: a read", lambda: handle(call), 100_000)


async def trail(auth: Auth) -> None:
    """Measure what the audit trail adds to a read, to a write alone, and to each of many writes at once."""
    kept = StoreTrail(auth.store)
    handle = audit(kept, Redaction(), time.time)(_inner)
    principal = Principal("7")
    read, write = (Call(kind, principal, 0.0) for kind in (Read(CUSTOMERS), Delete(CUSTOMERS, RULE.rows)))
    await report("audit: a read", lambda: handle(read), 100_000)
    await report("audit: a write alone", lambda: handle(write), 200)
    await report("audit: 50 writes at once", lambda: asyncio.gather(*(handle(write) for _ in range(50))), 20, each=50)
    await kept.close()


async def following(auth: Auth) -> None:
    """Measure a look at the revocations; there are two and a half in a second."""
    await report("revocations: a look", auth.follower.look, 300)


async def report(name: str, call: Callable[[], Awaitable[object]], times: int, *, each: int = 1) -> None:
    """Print the processor time of an awaited call in microseconds."""
    await call()
    began = time.process_time()
    for _ in range(times):
        await call()
    show(name, (time.process_time() - began) / times / each)


def plain(name: str, call: Callable[[], object], times: int) -> None:
    """Print the processor time of a call in microseconds."""
    began = time.process_time()
    for _ in range(times):
        call()
    show(name, (time.process_time() - began) / times)


def show(name: str, seconds: float) -> None:
    """Print one line."""
    print(f"{name:<28}{seconds * 1e6:>10.2f} us")


async def _inner(call: Call) -> Answer:
    return Page() if isinstance(call.operation, Read) else Written(1)


if __name__ == "__main__":
    asyncio.run(main())
