"""Start a real OpenID Connect provider from a wheel, as a process of its own, for tests."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.support.postgres import dying_with_us, free_port

START_WITHIN: Final = 20.0  # seconds
REDIRECT: Final = "http://127.0.0.1:1/back"


@dataclass(frozen=True)
class Provider:
    """One running provider."""

    url: str

    async def id_token(self, subject: str, client_id: str, **claims: Any) -> str:
        """Sign somebody in as a browser does, and return the ID token."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            (await client.put(f"/users/{subject}", json=claims)).raise_for_status()
            asked = {"client_id": client_id, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid"}
            granted = await client.post("/oauth2/authorize", params=asked, data={"sub": subject})
            code = parse_qs(urlsplit(granted.headers["location"]).query)["code"][0]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
            answer = await client.post("/oauth2/token", data=form, auth=(client_id, "any"))
            token: str = answer.raise_for_status().json()["id_token"]
            return token


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """A provider shared by the session."""
    port = free_port()
    command = [*dying_with_us(), sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield _ready(Provider(f"http://127.0.0.1:{port}"), process)
        finally:
            process.kill()


def _ready(found: Provider, process: subprocess.Popen[bytes]) -> Provider:
    until = time.monotonic() + START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"{found.url}/jwks", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return found
    raise AssertionError("the provider did not start: pip install oidc-provider-mock")
