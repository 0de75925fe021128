"""What one resource may be asked at once, and how often again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many calls may be under way, how many seconds one may wait for its turn, how often one may be repeated."""

    calls: int = 256
    patience: float = 1.0
    retries: int = 2
