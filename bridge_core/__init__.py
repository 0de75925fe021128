"""The front door: what an adapter author imports."""
