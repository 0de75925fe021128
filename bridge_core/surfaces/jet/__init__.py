"""The protocol of Jet Bridge: text -> operation -> page -> text. Nobody else knows its quirks."""

from bridge_core.surfaces.jet.app import JetApp
from bridge_core.surfaces.jet.settings import JetSettings

__all__ = ["JetApp", "JetSettings"]
