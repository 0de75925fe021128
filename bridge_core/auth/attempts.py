"""Bound how often a password may be tried: per address, per account and address, and per account at large."""

import hashlib
import ipaddress
from collections.abc import Sequence
from typing import Final, TypeAlias

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from bridge_core.auth.settings import LoginSettings
from bridge_core.errors import ConfigurationError, RateLimited

ACCOUNT_FACTOR: Final = 10
"""How many times as often as from one address an account may be tried from everywhere."""

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Attempts:
    """Counts in memory, so each worker allows this much.

    The bound on an account at large cannot shut its owner out: addresses that the account has logged in from before
    are exempt from it, and have a count of their own.
    """

    def __init__(self, settings: LoginSettings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_address = RateLimitItemPerMinute(settings.per_address)
        self._per_account = RateLimitItemPerMinute(settings.per_account)
        self._at_large = RateLimitItemPerMinute(settings.per_account * ACCOUNT_FACTOR)

    def count(self, account: str, address: str, *, known: bool) -> None:
        """Count an attempt before the password is looked at; raise RateLimited where there were too many."""
        name = hashlib.sha256(account.encode("utf-8", "replace")).hexdigest()
        fine = self._limiter.hit(self._per_address, "address", address) and self._limiter.hit(
            self._per_account, "account", name, address
        )
        if not fine or not (known or self._limiter.hit(self._at_large, "at-large", name)):
            raise RateLimited("too many attempts to log in", retry_after=60, hint="wait a minute")


class Addresses:
    """Finds out from which address a request really comes."""

    def __init__(self, trusted: Sequence[str]) -> None:
        """Take the networks of trusted proxies; raise ConfigurationError for what is none."""
        self._trusted = tuple(_network(each) for each in trusted)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the client's address: the peer, or the last hop before our own proxies that they wrote down.

        What a client itself writes into X-Forwarded-For stands left of what our proxies add, and is never read.
        """
        hops = [hop.strip() for line in forwarded for hop in line.split(",")]
        here = peer
        while self._is_ours(here) and hops:
            here = hops.pop()
        return _grouped(here)

    def _is_ours(self, text: str) -> bool:
        try:
            address = _unmapped(ipaddress.ip_address(text))
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigurationError(
            f"[auth.login] trusted_proxies: {text!r} is no network", hint="write 10.0.0.0/8 or 127.0.0.1"
        ) from None


def _unmapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _grouped(text: str) -> str:
    """Return what one client cannot change at will: the address, or the /64 that it lives in."""
    try:
        address = _unmapped(ipaddress.ip_address(text))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
