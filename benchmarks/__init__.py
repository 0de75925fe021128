"""Benchmarks: the bridge beside a hand-written handler for the same JSON, and PostgREST where it is installed."""
