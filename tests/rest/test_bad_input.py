"""Whatever is sent, the answer is a problem that the caller can act on, never a failure of the server.

`BRIDGE_EXAMPLES` sets the number of requests; by default it is small enough for every run of the tests.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge_core.bridge import Bridge, described
from bridge_core.policy import Policy
from bridge_core.router import Served
from bridge_core.surfaces.rest import RestApp, RestSettings
from tests.rest.conftest import RULES, authenticate
from tests.rest.shelf import Shelf
from tests.rest.wire import Exchange

EXAMPLES = int(os.environ.get("BRIDGE_EXAMPLES", "300"))
ADMIN = (b"authorization", b"Bearer admin")

_names = st.sampled_from(
    ["id", "title", "price", "kind", "data", "author", "size", "select", "order", "limit", "offset", "and", "or",
     "not.or", "columns", "on_conflict", "nothing", "data->pages", "data->>0", '"title"', "title[0]", "a.b", "token",
     ""]
)  # fmt: skip
_values = st.one_of(
    st.text(max_size=20),
    st.lists(
        st.sampled_from(
            ["eq.", "not.", "in.(", "is.", "null", "like.*", "any", "(", ")", "{", "}", ",", '"', "\\", ".", "1", "-1",
             "id", "title", "price", "::int", "::nothing", "->", "->>", "*", "desc", "nullsfirst", "and(", "cs.", "ov.",
             "match.[", "fts(x).", "1e400", "99999999999999999999", "NaN", "2024-02-30", "infinity", "\x00", "ü", "💥"]
        ),
        max_size=8,
    ).map("".join),
)  # fmt: skip
_quoted = st.builds(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "surrogatepass"),
    st.lists(st.tuples(_names, _values), max_size=4),
)
_queries = st.one_of(_quoted, st.binary(max_size=60))
_paths = st.one_of(
    st.sampled_from(
        [b"/books", b"/loans", b"/people.authors", b"/", b"", b"/books/1", b"/rpc/f", b"/%", b"/%zz", b"/%00"]
    ),
    st.binary(max_size=20).map(lambda data: b"/" + data.replace(b"?", b"")),
)
_header = st.tuples(
    st.sampled_from(
        [b"accept", b"prefer", b"range", b"content-type", b"accept-profile", b"content-profile", b"if-match", b"origin",
         b"idempotency-key", b"content-encoding", b"access-control-request-method", b"authorization", b"apikey"]
    ),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"application/json", b"text/csv", b"*/*;q=nan", b"application/vnd.pgrst.object+json", b"shelf", b"people",
             b"application/x-www-form-urlencoded", b"return=representation,count=exact",
             b"handling=strict, max-affected=1",
             b"resolution=merge-duplicates", b"missing=default", b"timezone=Nowhere/Land", b"timezone=\xff",
             b"wait=1e9",
             b"0-", b"-", b"9-1", b"0-99999999999999999999999", b"tx=rollback", b"max-scan=1", b"Bearer admin"]
        ),
    ),
)  # fmt: skip
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), st.just("\ud800")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(_names, st.text(max_size=5)), inner, max_size=4)
    ),
    max_leaves=8,
)
_bodies = st.one_of(
    st.binary(max_size=40),
    _json.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(_names, _json, max_size=4).map(lambda value: json.dumps(value).encode()),
    st.lists(st.dictionaries(_names, _json, max_size=3), max_size=3).map(lambda value: json.dumps(value).encode()),
    st.lists(st.lists(st.text(max_size=5), max_size=3).map(",".join), max_size=4).map(
        lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")
    ),
)
_exchanges = st.builds(
    lambda method, path, query, headers, body: Exchange(
        method, b"/rest/shelf" + path, query, [ADMIN, *headers], (body,)
    ),
    st.sampled_from(["GET", "GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""]),
    _paths,
    _queries,
    st.lists(_header, max_size=3),
    _bodies,
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def _asked(exchange: Exchange) -> Exchange:
    shelf = Shelf()
    served = Served("shelf", shelf, await described("shelf", shelf))
    bridge = Bridge([served], Policy(RULES), default="shelf")
    app = RestApp(bridge, authenticate, RestSettings(origins=("*",), rollback=True))
    return await exchange.run(app)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(exchange=_exchanges)
def test_no_request_makes_the_server_fail(runner: asyncio.Runner, exchange: Exchange) -> None:
    answer = runner.run(_asked(exchange))

    assert 200 <= answer.status < 500, answer.content
    assert answer.complete
    if answer.status >= 400 and answer.method != "HEAD":
        problem = json.loads(answer.content)
        assert list(problem) == ["code", "message", "details", "hint"]
        assert isinstance(problem["code"], str)
        assert problem["message"]


_HOSTILE = [
    Exchange(query=b"or=" + b"(" * 65_000),
    Exchange(query=b"or=(" + b"a.eq.1," * 9_000 + b"a.eq.1)"),
    Exchange(query=b"select=" + b"a(" * 30_000),
    Exchange(query=b"order=" + b"id," * 20_000 + b"id"),
    Exchange(query=b"id=in.(" + b"1," * 30_000 + b'"'),
    Exchange(query=b"&" * 65_000 + b"limit=x"),
    Exchange(query=b"id=eq." + b"%" * 60_000),
    Exchange(headers=[(b"range", b"0-1," * 16_000)], query=b"limit=x"),
    Exchange(headers=[(b"accept", b"a/b;q=0.1," * 6_000)]),
    Exchange(headers=[(b"prefer", b"handling=strict," + b"x=y," * 16_000)]),
    Exchange("POST", body=(b"[" * 65_000,)),
    Exchange("POST", body=(b'{"a":' * 10_000 + b"1" + b"}" * 10_000,)),
    Exchange("POST", body=(b'{"price":' + b"1" * 1_000_000 + b"}",)),
    Exchange("POST", body=(b'{"price":1e' + b"9" * 100_000 + b"}",)),
    Exchange("POST", body=(b'{"title":NaN}',)),
    Exchange("POST", body=(b'{"title":"\\ud800"}',)),
]


@pytest.mark.parametrize("exchange", _HOSTILE, ids=range(len(_HOSTILE)))
def test_a_hostile_request_is_refused_at_once(runner: asyncio.Runner, exchange: Exchange) -> None:
    exchange.headers = [ADMIN, *exchange.headers]
    shelf = Shelf()

    async def asked() -> float:
        served = Served("shelf", shelf, await described("shelf", shelf))
        app = RestApp(Bridge([served], Policy(RULES)), authenticate, RestSettings(max_url=100_000))
        began = time.process_time()
        await exchange.run(app)
        return time.process_time() - began

    spent = runner.run(asked())

    assert 400 <= exchange.status < 500, exchange.content
    assert not shelf.operations
    assert spent < 0.25  # five times the bound, for machines that are slow and shared
