"""Credentials -> principal: one ordered list of small authenticators for every surface."""
