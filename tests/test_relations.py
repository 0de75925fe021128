"""Relations of plugins.toml reach the models of both ends, and a wrong one stops the start."""

from dataclasses import replace
from pathlib import Path as File

import pytest

from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.config import load
from bridge_core.errors import ConfigurationError
from bridge_core.operations import Verb
from bridge_core.policy import Policy, Rule
from bridge_core.relations import Declared, End, Through, with_relations
from bridge_core.roles import check
from bridge_core.router import Served
from bridge_core.schema import Cardinality, Field, FieldType, Junction, Model
from bridge_core.testing.memory import MemoryAdapter

CUSTOMERS = Model("customers", (Field("id", FieldType.INTEGER), Field("stripe", FieldType.TEXT)), ("id",), "shop")
ACCOUNTS = Model("accounts", (Field("id", FieldType.TEXT), Field("mail", FieldType.TEXT)), ("id",), "billing")
TAGGED = Model("tagged", (Field("customer", FieldType.INTEGER), Field("account", FieldType.TEXT)), (), "shop")
MODELS = {"shop": {"customers": CUSTOMERS, "tagged": TAGGED}, "billing": {"accounts": ACCOUNTS}}
ACCOUNT = Declared("account", End("shop", "customers", "stripe"), End("billing", "accounts", "id"))
UNIQUE = {**MODELS, "shop": {**MODELS["shop"], "customers": replace(CUSTOMERS, uniques=(("stripe",),))}}


@pytest.mark.parametrize(
    ("models", "declared", "forth", "back"),
    [
        (MODELS, ACCOUNT, Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY),
        (UNIQUE, ACCOUNT, Cardinality.ONE_TO_ONE, Cardinality.ONE_TO_ONE),
        (
            MODELS,
            replace(ACCOUNT, target=End("billing", "accounts", "mail")),
            Cardinality.ONE_TO_MANY,
            Cardinality.ONE_TO_MANY,
        ),
        (
            MODELS,
            replace(ACCOUNT, through=Through("shop", "tagged", "customer", "account")),
            Cardinality.MANY_TO_MANY,
            Cardinality.MANY_TO_MANY,
        ),
    ],
)
def test_what_is_unique_decides_how_many_there_are(
    models: dict[str, dict[str, Model]], declared: Declared, forth: Cardinality, back: Cardinality
) -> None:
    found = with_relations(models, [declared])

    (near,), (far,) = found["shop"]["customers"].relations, found["billing"]["accounts"].relations
    assert (near.cardinality, far.cardinality) == (forth, back)
    assert (near.target_resource, near.target, far.target_resource, far.target) == (
        "billing", "accounts", "shop", "customers",
    )  # fmt: skip


def test_a_model_in_the_middle_is_seen_from_both_sides() -> None:
    found = with_relations(MODELS, [replace(ACCOUNT, through=Through("shop", "tagged", "customer", "account"))])

    names = ("account", "account", "shop")
    assert found["shop"]["customers"].relations[0].junction == Junction("tagged", ("customer",), ("account",), *names)
    assert found["billing"]["accounts"].relations[0].junction == Junction("tagged", ("account",), ("customer",), *names)


@pytest.mark.anyio
async def test_a_resource_that_opens_later_is_related_then() -> None:
    shop = Served("shop", MemoryAdapter([CUSTOMERS]), {"customers": CUSTOMERS})
    bridge = Bridge([shop], Policy({("admin", "*", "*"): Rule(dict.fromkeys(Verb))}), relations=[ACCOUNT])
    admin = Principal("1", ("admin",))

    before = bridge.model(admin, "shop", "customers").relations
    bridge.adopt(Served("billing", MemoryAdapter([ACCOUNTS]), {"accounts": ACCOUNTS}))
    after = bridge.model(admin, "shop", "customers").relations
    await bridge.close()

    assert before == ()
    assert [each.name for each in after] == ["account"]


BASE = """
[resources.shop]
adapter = "sqlite"
path = "x.db"
[[relations]]
name = "account"
from = "shop.customers.stripe"
to = "shop.accounts.id"
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BASE.replace("shop.accounts.id", "shop.accounts"), "must read resource.model.field"),
        (BASE.replace("shop.accounts.id", "shpo.accounts.id"), "did you mean 'shop'"),
        (BASE + BASE[BASE.index("[[") :], "a name of its own"),
        (BASE + 'through = { model = "tagged", from = "a", to = "b" }', "must read resource.model"),
        (BASE + 'through = { model = "shop.tagged", from = "a" }', "this key is missing"),
        (BASE + 'trough = { model = "shop.tagged", from = "a", to = "b" }', "did you mean 'through'"),
    ],
)
def test_a_relation_that_is_written_badly_stops_the_start(tmp_path: File, text: str, says: str) -> None:
    path = tmp_path / "plugins.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=says):
        load(path, {})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("shop.customers.stripe", "shop.custmers.stripe", "did you mean 'customers'"),
        ("shop.customers.stripe", "shop.customers.strype", "did you mean 'stripe'"),
        ("from = ", 'through = { model = "shop.tagged", from = "customr", to = "account" }\nfrom = ', "'customer'"),
    ],
)
def test_a_relation_is_held_against_the_catalogue(tmp_path: File, old: str, new: str, says: str) -> None:
    path = tmp_path / "plugins.toml"
    path.write_text(BASE.replace("shop.accounts.id", "shop.tagged.account").replace(old, new, 1))
    served = {"shop": Served("shop", MemoryAdapter([]), MODELS["shop"])}

    with pytest.raises(ConfigurationError, match=says):
        check(load(path, {}), served)
