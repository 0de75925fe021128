"""Fixtures that every suite of the repository shares."""

import pytest

pytest_plugins = [
    "tests.support.fakes",
    "tests.support.installed",
    "tests.support.jet",
    "tests.support.postgres",
    "tests.support.provider",
    "tests.support.mariadb",  # imports from postgres, so it comes after it
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio."""
    return "asyncio"
