"""Hash passwords and try them, with the same work whether there is an account or not."""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bridge_core.errors import BadValue, RateLimited

T = TypeVar("T")

MIN_LENGTH: Final = 10
MAX_LENGTH: Final = 256
AT_ONCE: Final = 2  # each takes 64 MiB and some ten milliseconds of a core
WAITING: Final = 64


class Passwords:
    """Argon2id by the library's parameters, in threads of its own, a bounded number at once."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
        self._waiting = 0
        self._nobody: str | None = None

    async def hashed(self, password: str) -> str:
        """Return the hash of a new password, or raise BadValue for one that is too easy to guess."""
        text = _normal(password)
        if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
            raise BadValue(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
        return await self._in_thread(self._hasher.hash, text)

    async def match(self, password: str, known: str | None) -> bool:
        """Tell whether a password is the one that was hashed; without a hash the same work is done for a no."""
        if self._nobody is None:
            self._nobody = await self._in_thread(self._hasher.hash, secrets.token_urlsafe(32))
        right = await self._in_thread(self._verified, known or self._nobody, _normal(password[: MAX_LENGTH + 1]))
        return right is True and known is not None

    def outdated(self, known: str) -> bool:
        """Tell whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verified(self, known: str, text: str) -> bool:
        try:
            return self._hasher.verify(known, text)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, call: Callable[..., T], *args: str) -> T:
        if self._waiting >= WAITING:
            raise RateLimited("too many log-ins at once", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
