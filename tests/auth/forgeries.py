"""The corpus of credentials that must not be accepted: each is a valid one, spoilt in one way."""

import base64
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import SecretStr

from bridge_core.auth import compact
from bridge_core.auth.data_tokens import ACCESS, REFRESH, DataTokens
from bridge_core.auth.settings import AuthSettings
from tests.auth.conftest import PROJECT_TOKEN, SECRET

OLD_SECRET = SECRET[::-1]
Headers = list[tuple[bytes, bytes]]


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, payload: Any, key: bytes = SECRET.encode(), algorithm: str = "sha256") -> str:
    """Sign whatever it is, as a forger who knows the key would."""
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(hmac.digest(key, signed.encode(), algorithm))}"


class Corpus:
    """Every kind of credential that must not be accepted; each of them is a valid one, spoilt in one way."""

    def __init__(self, private_key: RSAPrivateKey, public_pem: str, issuer: str) -> None:
        settings = AuthSettings(secret=SecretStr(SECRET))
        self.tokens = DataTokens(settings, time.time)
        self.token = self.tokens.issue("ada", roles=("visitor",))
        self.first, self.second, self.third = self.token.split(".")
        self.header, self.payload = (json.loads(compact.canonical(part)) for part in (self.first, self.second))
        self.key, self.pem, self.issuer = private_key, public_pem, issuer

    def with_header(self, **changed: Any) -> str:
        return forged({k: v for k, v in (self.header | changed).items() if v != "absent"}, self.payload)

    def with_claims(self, **changed: Any) -> str:
        return forged(self.header, {k: v for k, v in (self.payload | changed).items() if v != "absent"})

    def bearers(self) -> Iterator[tuple[str, str]]:
        """Yield name and token of what is sent as `Bearer`."""
        yield from self._algorithms()
        yield from self._signatures()
        yield from self._claims()
        yield from self._headers()
        yield from self._spellings()
        yield from self._swapped()

    def _algorithms(self) -> Iterator[tuple[str, str]]:
        for n, name in enumerate(("none", "None", "NONE", "nOnE", "", "null")):
            yield f"alg {name!r} {n}", f"{segment(self.header | {'alg': name})}.{self.second}."
            yield (
                f"alg {name!r} {n} kept signature",
                f"{segment(self.header | {'alg': name})}.{self.second}.{self.third}",
            )
        for other in ("hs256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", ["HS256"], None, 256, "absent"):
            yield f"alg {other!r}", self.with_header(alg=other)
        yield "alg HS384 signed so", forged(self.header | {"alg": "HS384"}, self.payload, algorithm="sha384")
        yield "alg HS512 signed so", forged(self.header | {"alg": "HS512"}, self.payload, algorithm="sha512")

    def _signatures(self) -> Iterator[tuple[str, str]]:
        yield "no signature", f"{self.first}.{self.second}."
        yield "no signature part", f"{self.first}.{self.second}"
        yield "truncated signature", self.token[:-1]
        yield "extended signature", self.token + "A"
        yield "zero signature", f"{self.first}.{self.second}.{segment(bytes(32))}"
        yield "zero ES256 signature", f"{segment(self.header | {'alg': 'ES256'})}.{self.second}.{segment(bytes(64))}"
        yield "signed with the public key", forged(self.header, self.payload, self.pem.encode())
        yield "signed with nothing", forged(self.header, self.payload, b"")
        yield "signed with another key", forged(self.header, self.payload, b"x" * 40)
        yield (
            "previous key after its time",
            DataTokens(AuthSettings(secret=SecretStr(OLD_SECRET)), time.time).issue("ada", roles=("visitor",)),
        )

    def _claims(self) -> Iterator[tuple[str, str]]:
        for claim in ("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "gen", "roles", "claims"):
            yield f"without {claim}", self.with_claims(**{claim: "absent"})
            yield f"{claim} is null", self.with_claims(**{claim: None})
            yield f"{claim} is true", self.with_claims(**{claim: True})
            yield f"{claim} is an object in a list", self.with_claims(**{claim: [{}]})
        now = int(time.time())
        spoilt: Mapping[str, Mapping[str, Any]] = {
            "aud list": {"aud": ["bridge"]},
            "aud list with ours second": {"aud": ["other", "bridge"]},
            "aud substring": {"aud": "bridg"},
            "aud superstring": {"aud": "bridge2"},
            "iss substring": {"iss": "bri"},
            "iss superstring": {"iss": "bridge.evil"},
            "iss upper case": {"iss": "BRIDGE"},
            "expired": {"iat": now - 100, "nbf": now - 100, "exp": now - 1},
            "expires now": {"exp": now},
            "issued in the future": {"iat": now + 60, "exp": now + 600},
            "not yet": {"nbf": now + 60},
            "for ever": {"exp": 2**52},
            "longer than allowed": {"exp": now + 100_000},
            "ends before it begins": {"iat": now + 10, "exp": now + 5},
            "exp text": {"exp": str(now + 60)},
            "exp float": {"exp": now + 60.5},
            "exp huge float": {"exp": 1e308},
            "exp huge": {"exp": 10**30},
            "exp negative": {"exp": -1},
            "gen text": {"gen": "1"},
            "roles text": {"roles": "visitor"},
            "role is no text": {"roles": ["visitor", 1]},
            "sub empty": {"sub": ""},
            "sub long": {"sub": "a" * 257},
            "sub control": {"sub": "a\u0000"},
            "one claim more": {"admin": True},
        }
        for name, claims in spoilt.items():
            yield name, self.with_claims(**claims)

    def _headers(self) -> Iterator[tuple[str, str]]:
        spoilt: Mapping[str, Mapping[str, Any]] = {
            "kid path": {"kid": "../../../../dev/null"},
            "kid SQL": {"kid": "x' union select 'a"},
            "kid null": {"kid": None},
            "kid absent": {"kid": "absent"},
            "kid number": {"kid": 0},
            "kid list": {"kid": [self.header["kid"]]},
            "typ JWT": {"typ": "JWT"},
            "typ absent": {"typ": "absent"},
            "typ upper case": {"typ": ACCESS.upper()},
            "crit": {"crit": ["exp"]},
            "crit b64": {"crit": ["b64"], "b64": False},
            "jku": {"jku": "http://127.0.0.1/keys"},
            "x5u": {"x5u": "http://127.0.0.1/cert"},
            "jwk": {"jwk": {"kty": "oct", "k": segment(b"x" * 32)}},
            "zip": {"zip": "DEF"},
            "cty": {"cty": "JWT"},
        }
        for name, header in spoilt.items():
            yield name, self.with_header(**header)

    def _spellings(self) -> Iterator[tuple[str, str]]:
        doubled = json.dumps(self.payload)
        yield "sub twice", forged(self.header, (doubled[:-1] + ', "sub": "root"}').encode())
        yield "alg twice", forged((json.dumps(self.header)[:-1] + ', "alg": "HS256"}').encode(), self.payload)
        yield "payload is a list", forged(self.header, [self.payload])
        yield "payload is text", forged(self.header, "text")
        yield "payload is no JSON", forged(self.header, b"{")
        yield "payload is no UTF-8", forged(self.header, b'{"sub": "\xff"}')
        yield "payload is UTF-16", forged(self.header, json.dumps(self.payload).encode("utf-16"))
        yield "payload has NaN", forged(self.header, doubled.replace(str(self.payload["exp"]), "NaN").encode())
        yield "payload is deep", forged(self.header, b"[" * 1_500)
        yield "lone surrogate", forged(self.header, doubled.replace('"ada"', '"\\ud800"').encode())
        yield "nested", forged(self.header | {"cty": "JWT"}, self.token.encode())
        yield "JWE", f"{self.first}..{self.second}.{self.third}.{self.third}"
        yield "padded", self.token + "="
        yield "each part padded", ".".join(part + "=" * (-len(part) % 4) for part in self.token.split("."))
        yield "classic base64", f"{self.first}.{self.second}.{'+/' + self.third[2:]}"
        yield "other spelling of the last bits", self.token[:-1] + _next(self.token[-1])
        yield "line break", f"{self.first}.{self.second[:9]}\n{self.second[9:]}.{self.third}"
        yield "blank inside", f"{self.first}. {self.second}.{self.third}"
        yield "a megabyte", "A" * 1_000_000
        yield "a megabyte in a part", f"{self.first}.{'A' * 1_000_000}.{self.third}"
        yield "ten thousand dots", "." * 10_000
        yield "dots", ".."
        yield "Unicode digits", self.token.replace("1", "\u0661")

    def _swapped(self) -> Iterator[tuple[str, str]]:
        yield "refresh token", self.tokens.issue("ada", typ=REFRESH)
        yield (
            "for another bridge",
            DataTokens(AuthSettings(secret=SecretStr(SECRET), audience="elsewhere"), time.time).issue(
                "ada", roles=("visitor",)
            ),
        )
        yield "Jet JWT as bearer", self.jet()
        yield "project token as bearer", PROJECT_TOKEN
        yield "user token as bearer", "good-token"
        yield "key without a secret", "brk_"
        yield "key that nobody made", "brk_0123456789abcdef_" + "a" * 43
        yield "key with SQL", "brk_'or'1'='1_x"
        yield "OIDC of another audience", self.oidc(aud="elsewhere")
        yield "OIDC expired", self.oidc(exp=int(time.time()) - 1)
        yield "OIDC without end", self.oidc(exp=None)
        yield "OIDC of an unknown key", self.oidc(kid="two")
        yield "OIDC signed with the public key", self.oidc_by_hmac()
        yield (
            "OIDC without a signature",
            f"{segment({'alg': 'none'})}.{segment({'iss': self.issuer, 'aud': 'bridge'})}.",
        )

    def headers(self) -> Iterator[tuple[str, Headers]]:
        """Yield name and headers of everything."""
        for name, token in self.bearers():
            yield name, _sent(f"Bearer {token}")
        good = self.token
        for name, value in {
            "empty": "",
            "scheme alone": "Bearer",
            "scheme and blank": "Bearer ",
            "no scheme": good,
            "Basic": "Basic " + base64.b64encode(b"ada:" + good.encode()).decode(),
            "tab": f"Bearer\t{good}",
            "two blanks": f"Bearer  {good}",
            "leading blank": f" Bearer {good}x",
            "odd case": f"bEaReR {good}",
            "as JWT": f"JWT {good}",
            "as Token": f"Token {good}",
            "as ProjectToken": f"ProjectToken {good}",
            "lower-case jwt": f"jwt {self.jet()}",
            "lower-case token": "token good-token",
            "comma list": f"Bearer {good},Bearer {good}",
            "comma list of kinds": f"Bearer {good},Token bad",
            "with a parameter": f"Bearer {good};project_child=x",
            "quoted": f'Bearer "{good}"',
            "trailing comma": f"Bearer {good},",
            "Jet JWT of another project": f"JWT {self.jet(projects={'other': {'owner': True}})}",
            "Jet JWT expired": f"JWT {self.jet(exp=1)}",
            "Jet JWT without a signature": f"JWT {self.jet().rsplit('.', 1)[0]}.",
            "Jet JWT HS256 with the public key": f"JWT {self.jet_by_hmac()}",
            "user token that the service does not know": "Token bad-token",
            "project token that the service does not know": f"ProjectToken {PROJECT_TOKEN}",
        }.items():
            yield name, _sent(value)
        yield "two headers", _sent(f"Bearer {good}") * 2
        yield "two headers, one wrong", [*_sent(f"Bearer {good}"), *_sent("Bearer x")]
        yield "cookie", _sent(f"authorization=Bearer {good}; access_token={good}", "cookie")
        yield "another header", [*_sent(f"Bearer {good}", "x-authorization"), *_sent(good, "proxy-authorization")]
        yield "key header with a damaged token", _sent(good[:-1], "apikey")
        yield "wrong authorization beside a good key", [*_sent("Bearer x"), *_sent(good, "apikey")]

    def jet(self, **changed: Any) -> str:
        body = {"user": 7, "exp": int(time.time()) + 60, "projects": {"shop": {"owner": True}}} | changed
        return jwt.encode(body, self.key, "RS256")

    def jet_by_hmac(self) -> str:
        body = {"user": 1, "exp": 2**33, "projects": {"shop": {"owner": True}}}
        return forged({"alg": "HS256", "typ": "JWT"}, body, self.pem.encode())

    def oidc_by_hmac(self) -> str:
        body = {"iss": self.issuer, "aud": "bridge", "sub": "a", "exp": 2**33}
        return forged({"alg": "HS256", "kid": "one"}, body, self.pem.encode())

    def oidc(self, kid: str = "one", **changed: Any) -> str:
        body = {"iss": self.issuer, "aud": "bridge", "sub": "ada", "exp": int(time.time()) + 60, "roles": ["staff"]}
        merged = {name: value for name, value in (body | changed).items() if value is not None}
        return jwt.encode(merged, self.key, "RS256", headers={"kid": kid})


def _sent(value: str, name: str = "authorization") -> Headers:
    return [(name.encode(), value.encode())]


def _next(last: str) -> str:
    """Return a character that differs in bits which the bytes of a 32 byte signature do not use."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(last) ^ 1]
