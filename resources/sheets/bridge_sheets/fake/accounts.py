"""Service accounts: keys to sign with, and tokens in exchange for what is signed."""

import json
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from bridge_sheets.fake.refusals import Refusal

EMAIL: Final = "bridge@stand-in.iam.gserviceaccount.com"
AUDIENCE: Final = "https://oauth2.googleapis.com/token"  # google-auth signs for it, whatever the address
_HOUR: Final = 3_600.0
_SCOPE: Final = "https://www.googleapis.com/auth/spreadsheets"


@dataclass
class Accounts:
    """The one account that the stand-in knows, and the tokens that it gave out."""

    _tokens: dict[str, float] = field(default_factory=dict)

    def credentials(self, url: str) -> dict[str, str]:
        """Return the file of the service account, as Google would hand it out."""
        private = _key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "stand-in",
            "private_key_id": "key-1",
            "private_key": private.decode(),
            "client_email": EMAIL,
            "token_uri": f"{url}/token",
        }

    def token(self, form: bytes, url: str, now: float) -> dict[str, Any]:
        """Give a token for a signed assertion, or refuse it."""
        public = (
            _key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        assertion = parse_qs(form.decode()).get("assertion", [""])[0]
        try:
            claims = jwt.decode(assertion, certs=public, audience=[AUDIENCE, f"{url}/token"])  # type: ignore[no-untyped-call]  # as it comes
        except ValueError as error:
            raise Refusal(400, f"invalid_grant: {error}") from error
        if claims["iss"] != EMAIL or _SCOPE not in claims.get("scope", "").split():
            raise Refusal(403, "the account or the scope is unknown")
        made = "ya29." + secrets.token_urlsafe(24)
        self._tokens[made] = now + _HOUR
        return {"access_token": made, "expires_in": 3599, "token_type": "Bearer"}

    def bearer(self, header: str, now: float) -> str:
        """Return the account that a token stands for."""
        if self._tokens.get(header.removeprefix("Bearer "), 0.0) < now:
            raise Refusal(401, "Request had invalid authentication credentials.")
        return EMAIL

    def file(self, url: str) -> str:
        """Return the credentials as text."""
        return json.dumps(self.credentials(url))


@cache
def _key() -> rsa.RSAPrivateKey:
    """Make the key of the stand-in, once in a process: that takes its time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
