"""The REST surface: the PostgREST dialect over every resource."""

from bridge_core.surfaces.rest.app import RestApp
from bridge_core.surfaces.rest.settings import RestSettings

__all__ = ["RestApp", "RestSettings"]
