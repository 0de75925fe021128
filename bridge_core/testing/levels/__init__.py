"""The levels of the conformance kit: what every adapter keeps, and what those keep that declare it."""
