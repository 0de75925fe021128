"""The demonstration: a folder with a sample shop, its configuration and its secret; and what to try with it."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge_core.demo import shop

RESOURCE: Final = "shop"
ROLE: Final = "admin"

_CONFIGURATION: Final = """\
# Made by `bridgectl demo`. The commented example of everything is plugins.toml of the project.
[auth]
secret = "file:secret"
token_ttl = 86_400

[resources.shop]
adapter = "sqlite"
path = "shop.db"

[roles.admin.shop."*"]
read = true
create = true
update = true
delete = true

[roles.support.shop.customers]
read = ["id", "email", "country", "notes"]
update = ["notes"]
rows = "country=eq.{claims.country}"
"""


def prepare(folder: Path, advance: shop.Advance) -> Path:
    """Make what the demonstration needs and is not there yet; return the configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "secret"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(48), encoding="ascii")
    if not (folder / "shop.db").exists():
        shop.make(folder / "shop.db", advance)
    configuration = folder / "plugins.toml"
    configuration.write_text(_CONFIGURATION, encoding="utf-8")
    return configuration


def lines_to_try(url: str, token: str) -> Sequence[tuple[str, str]]:
    """Return commands that work when pasted, each with what it shows."""
    rest = f"{url}/rest/{RESOURCE}"
    bearer = f"-H 'Authorization: Bearer {token}'"
    product = json.dumps({"sku": "DEMO-1", "name": "Pocket Bridge", "category": "toys", "price": 19.99})
    upsert = "-H 'Prefer: return=representation,resolution=merge-duplicates' -H 'Content-Type: application/json'"
    return [
        (
            "Read: the latest customers from Germany, three fields of them",
            f"curl -s {bearer} '{rest}/customers?country=eq.DE&select=id,name,created_at&order=created_at.desc"
            "&limit=3'",
        ),
        (
            "Count: large orders that were paid, and how many there are (see Content-Range)",
            f"curl -si {bearer} -H 'Prefer: count=exact' '{rest}/orders?status=eq.paid&total=gte.1000&limit=2'",
        ),
        (
            "Write: add a product, or update it when its number is there already",
            f"curl -s {bearer} {upsert} -d '{product}' '{rest}/products?on_conflict=sku'",
        ),
    ]
