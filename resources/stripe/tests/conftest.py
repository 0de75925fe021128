"""What the tests of this adapter share: only they load the SDK."""

from tests.support.stripe import empty_server, opened, stripe_server

__all__ = ["empty_server", "opened", "stripe_server"]
