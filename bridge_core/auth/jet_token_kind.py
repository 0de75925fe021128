"""Credentials of the kind Jet JWT: `JWT ...`, RS256 under the configured public key, permissions per project inside."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.api_jws import PyJWS

from bridge_core.auth.authenticate import Asked
from bridge_core.auth.claims import in_time
from bridge_core.auth.compact import Compact, Damaged, parsed
from bridge_core.auth.credentials import Credential, Scheme, unauthenticated
from bridge_core.auth.jet_rights import JetRights, unpacked
from bridge_core.auth.remembered import Verified
from bridge_core.auth.settings import JetSettings
from bridge_core.call import Principal
from bridge_core.errors import ConfigurationError

ALGORITHM: Final = "RS256"
MAX_JET_TOKEN: Final = 65_536

_CLAIMS: Final = ("user", "project", "environment", "admin", "sso_shared_data")


class JetTokenKind:
    """Takes every credential of the scheme JWT."""

    def __init__(
        self,
        settings: JetSettings,
        project_token: str | None,
        clock: Callable[[], float],
        default: str | None = None,
        resources: frozenset[str] = frozenset(),
    ) -> None:
        """Take settings, default resource and the names of all; raise ConfigurationError for a key that is none."""
        self._settings = settings
        self._project_token = project_token
        self._clock = clock
        self._default = default
        self._resources = resources
        self._key = _public_key(settings.jwt_verify_key) if settings.jwt_verify_key else None
        self._jws = PyJWS(algorithms=[ALGORITHM], options={"enforce_minimum_key_length": True})

    def takes(self, credential: Credential) -> bool:
        """Take the scheme JWT."""
        return credential.scheme is Scheme.JWT

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        """Verify the signature, then read what the token says about the project."""
        try:
            token = parsed(credential.value, limit=MAX_JET_TOKEN)
            self._signed(token)
            return self._accepted(token.payload, asked)
        except Damaged:
            raise unauthenticated() from None

    def _signed(self, token: Compact) -> None:
        if self._key is None or token.header.get("alg") != ALGORITHM or token.header.get("typ", "JWT") != "JWT":
            raise Damaged
        try:
            self._jws.decode_complete(token.text, self._key, algorithms=[ALGORITHM])
        except jwt.PyJWTError as cause:
            raise Damaged from cause

    def _accepted(self, body: Mapping[str, Any], asked: Asked) -> Verified:
        expires = in_time(body, self._clock())
        project = asked.tenant.project if asked.tenant else self._settings.project
        token = asked.tenant.token if asked.tenant else self._project_token
        projects = body.get("projects")
        member = projects.get(project) if isinstance(projects, dict) and project else None
        user = body.get("user")
        if not isinstance(member, dict) or isinstance(user, bool) or not isinstance(user, int | str):
            raise Damaged
        claims = {name: body[name] for name in _CLAIMS if name in body}
        rights = self._rights(member, token)
        return Verified(Principal(f"jet:{user}", self._settings.roles, claims, rights=rights), expires)

    def _rights(self, member: Mapping[str, Any], token: str | None) -> JetRights:
        if member.get("owner") is True or member.get("super_group") is True:
            return JetRights(everything=True, default=self._default)
        if member.get("read_only", False) is not False:
            return JetRights(read_only=True, default=self._default)
        packed = member.get("permissions")
        if packed is None:
            return JetRights(default=self._default)
        if not isinstance(packed, str):
            raise Damaged
        return JetRights(permissions=unpacked(packed, token), default=self._default, resources=self._resources)


def _public_key(pem: str) -> RSAPublicKey:
    place = "[auth.jet] jwt_verify_key"
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except ValueError:
        raise ConfigurationError(f"{place} is no public key", hint="a PEM text: -----BEGIN PUBLIC KEY-----") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ConfigurationError(f"{place} is no RSA key of at least 2048 bits")
    return key
