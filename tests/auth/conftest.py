"""What the suites of authentication share: a clock moved by hand, and keys."""

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET = "q8Zb3vK1nT7xW5cJ2mR9dL4hF6gP0sYaUeIoBtXk"
NOW = 1_800_000_000.0
PROJECT_TOKEN = "5f9c1a52-2f3e-4f9b-9a54-0d2c7c1e8a11"


class Clock:
    """Time that a test moves by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def private_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def other_private_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def public_pem(private_key: RSAPrivateKey) -> str:
    return private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
