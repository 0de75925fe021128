"""Layers around the router: each is one closure from handler to handler."""
