"""A permission of Jet Admin is good for the model that it names, and for no other resource's model of that name."""

import pytest

from bridge_core.auth.jet_rights import JetRights
from bridge_core.operations import Verb

pytestmark = pytest.mark.anyio
OURS = frozenset({"shop", "crm"})


@pytest.mark.parametrize(
    ("granted", "resource", "model", "allowed"),
    [
        ("contacts", "shop", "contacts", True),
        ("contacts", "crm", "contacts", False),
        ("crm.contacts", "crm", "contacts", True),
        ("crm.contacts", "shop", "contacts", False),
        ("shop.contacts", "shop", "contacts", True),
        ("our_bridge.contacts", "shop", "contacts", True),
        ("our_bridge.contacts", "crm", "contacts", False),
        ("our_bridge.crm.contacts", "crm", "contacts", True),
        ("our_bridge.crm.contacts", "shop", "contacts", False),
    ],
)
async def test_a_permission_counts_for_its_own_resource(granted: str, resource: str, model: str, allowed: bool) -> None:
    rights = JetRights(permissions=frozenset({("model", granted, "r")}), default="shop", resources=OURS)

    assert await rights.allow(resource, model, Verb.READ) is allowed
