"""Roles grant fields on rows; put together they never grant more than each of them by itself."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path as File
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_core.call import ANONYMOUS, Call, Principal
from bridge_core.errors import ConfigurationError, UnknownName
from bridge_core.grammar import filter_of
from bridge_core.layers.authorize import authorize, narrowed
from bridge_core.operations import (
    Answer,
    Create,
    Delete,
    Operation,
    Page,
    Read,
    Resolution,
    Update,
    Upsert,
    Verb,
    WriteOptions,
)
from bridge_core.policy import ANY, Grant, Policy, Rule, combined
from bridge_core.query import EVERYTHING, And, Column, Condition, Counting, Filter, Not, Op, Or, Order, Path
from bridge_core.roles import check, policy_of
from bridge_core.router import Served
from bridge_core.rows import filled, row_rule
from bridge_core.schema import Cardinality, Field, FieldType, Model, Relation
from bridge_core.settings import Settings

NAMES = ("id", "email", "country", "secret")
CUSTOMERS = Model(
    "customers",
    tuple(Field(name, FieldType.TEXT) for name in NAMES),
    key=("id",),
    resource="shop",
    uniques=(("email",), ("secret",)),
    relations=(Relation("fk", ("country",), "countries", ("code",), Cardinality.MANY_TO_ONE),),
)
READ = frozenset({Verb.READ})


def holds(term: Filter, record: dict[str, str]) -> bool:
    """Evaluate a filter of equalities."""
    match term:
        case Condition(path, Op.EQ, value):
            return record[path.field] == value
        case And(terms):
            return all(holds(each, record) for each in terms)
        case Or(terms):
            return any(holds(each, record) for each in terms)
        case Not(inner):
            return not holds(inner, record)
        case _:
            raise AssertionError(term)


def equal(name: str, value: str) -> Condition:
    return Condition(Path(name), Op.EQ, value)


ROWS = st.sampled_from([EVERYTHING, equal("country", "FR"), equal("country", "DE"), equal("id", "1")])
FIELDS = st.one_of(st.none(), st.frozensets(st.sampled_from(NAMES), min_size=1))
RULES = st.builds(Rule, st.dictionaries(st.sampled_from(list(Verb)), FIELDS, min_size=1), ROWS)
RECORDS = st.fixed_dictionaries(
    {"id": st.sampled_from("12"), "country": st.sampled_from(["FR", "DE"]), "email": st.just(""), "secret": st.just("")}
)


def grants(rule: Rule, verb: Verb, name: str, record: dict[str, str]) -> bool:
    names = rule.verbs.get(verb, frozenset())
    return (names is None or name in names) and holds(rule.rows, record)


@given(st.lists(RULES, max_size=5), RECORDS, st.sampled_from(NAMES), st.sampled_from(list(Verb)))
def test_no_role_widens_another(rules: list[Rule], record: dict[str, str], name: str, verb: Verb) -> None:
    for rule in combined(tuple(rules)):
        if grants(rule, verb, name, record):
            assert any(grants(each, verb, name, record) for each in rules)


@given(st.lists(RULES, max_size=5), st.sampled_from(list(Verb)))
def test_what_some_role_may_do_the_combination_may_do(rules: list[Rule], verb: Verb) -> None:
    assert any(verb in rule.verbs for rule in combined(tuple(rules))) == any(verb in rule.verbs for rule in rules)


@given(st.lists(RULES, max_size=4), RECORDS, st.sampled_from(NAMES))
def test_whoever_may_read_everything_loses_nothing_by_more_roles(
    rules: list[Rule], record: dict[str, str], name: str
) -> None:
    everything = Rule(dict.fromkeys(Verb))

    assert combined((*rules, everything)) == (everything,)


def policy(**roles: dict[str, Any]) -> Policy:
    """Make a policy of one rule per role on shop.customers."""
    return policy_of(settings({role: {"shop": {"customers": table}} for role, table in roles.items()}))


def settings(roles: dict[str, Any], **auth: Any) -> Settings:
    """Make a configuration with these roles."""
    tables = {"path": File("plugins.toml"), "roles": roles, "auth": auth, "resources": {"shop": {"adapter": "x"}}}
    return Settings.model_validate(tables)


class Idle:
    """An adapter that is there, and no more."""


SERVED = {"shop": Served("shop", Idle(), {"customers": CUSTOMERS})}  # type: ignore[arg-type]  # never asked


SUPPORT = {"read": ["id", "email", "country"], "update": ["email"], "rows": "country=eq.{claims.country}"}
AUDITOR = {"read": ["id", "secret"], "rows": "country=eq.US"}


async def grant(rules: Policy, principal: Principal, verbs: frozenset[Verb] = READ) -> Grant | None:
    return await rules.grant(principal, CUSTOMERS, verbs)


@pytest.mark.anyio
async def test_a_field_of_one_role_is_not_visible_on_the_rows_of_another() -> None:
    both = Principal("7", ("auditor", "support"), {"country": "FR"})

    granted = await grant(policy(support=SUPPORT, auditor=AUDITOR), both)

    assert granted is not None
    assert [each.name for each in granted.model.readable] == ["id", "email", "country"]
    assert granted.scope == equal("country", "FR")


@pytest.mark.anyio
async def test_a_role_whose_claim_is_missing_leaves_the_decision_to_the_next() -> None:
    granted = await grant(policy(support=SUPPORT, auditor=AUDITOR), Principal("7", ("auditor", "support")))

    assert granted is not None
    assert granted.scope == equal("country", "US")


@pytest.mark.parametrize("value", [None, "", "  ", [], {}, ["FR"], {"a": 1}, [None], "a\0b"])
@pytest.mark.anyio
async def test_an_empty_claim_denies(value: object) -> None:
    assert await grant(policy(support=SUPPORT), Principal("7", ("support",), {"country": value})) is None


@pytest.mark.parametrize(
    ("claims", "values"),
    [
        ({"countries": ["FR", "DE"]}, ("FR", "DE", "US")),
        ({"countries": "FR"}, ("FR", "US")),
        ({"countries": 5}, ("5", "US")),
        ({"countries": []}, None),
        ({"countries": ["FR", ""]}, None),
        ({"countries": ["FR", ["DE"]]}, None),
        ({}, None),
    ],
)
def test_a_list_of_claims_fills_an_in(claims: dict[str, object], values: tuple[str, ...] | None) -> None:
    rule = row_rule(filter_of("country=in.({claims.countries},US)"))

    expected = None if values is None else Condition(Path("country"), Op.IN, values)
    assert filled(rule, claims) == expected


@pytest.mark.parametrize("value", ["x),id.neq.(", "eq.1&or=(id.neq.0)", "%", "*", "{claims.other}", "null", '"'])
def test_a_claim_cannot_change_what_a_rule_says(value: str) -> None:
    rule = row_rule(filter_of("country=eq.{claims.country}"))

    assert filled(rule, {"country": value, "other": "US"}) == equal("country", value)


def test_a_claim_inside_of_an_object_is_found() -> None:
    assert filled(row_rule(filter_of("country=eq.{claims.org.country}")), {"org": {"country": "FR"}}) == equal(
        "country", "FR"
    )


@pytest.mark.parametrize(
    "rows",
    [
        "email=like.{claims.a}",
        "email=eq.x{claims.a}",
        "email=match.{claims.a}",
        "email=eq.{claims}",
        "nonsense",
        "a=b",
        "&",
    ],
)
def test_a_rule_that_cannot_be_read_stops_the_start(rows: str) -> None:
    with pytest.raises(ConfigurationError, match=r"roles\.x\.shop\.customers"):
        policy(x={"read": True, "rows": rows})


@pytest.mark.parametrize(
    ("model", "table", "says"),
    [
        ("customer", {"read": True}, "did you mean 'customers'"),
        ("customers", {"read": ["emial"]}, "did you mean 'email'"),
        ("customers", {"read": True, "rows": "contry=eq.FR"}, "did you mean 'country'"),
        ("customers", {}, "grants nothing"),
    ],
)
def test_a_rule_is_held_against_the_schema(model: str, table: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        check(settings({"support": {"shop": {model: table}}}), SERVED)

    assert says in refusal.value.message
    assert "[roles.support.shop" in refusal.value.message


@pytest.mark.parametrize(
    "auth",
    [
        {"anonymous_roles": ["suport"]},
        {"jet": {"roles": ["suport"]}},
        {"oidc": [{"issuer": "i", "audience": "a", "roles": {"x": "suport"}}]},
    ],
)
def test_a_role_that_is_given_away_needs_a_rule(auth: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="no role 'suport'"):
        check(settings({"support": {"shop": {"customers": {"read": True}}}}, **auth), SERVED)


@pytest.mark.anyio
async def test_rules_for_every_model_skip_those_without_the_field() -> None:
    every = {"shop": {ANY: {"read": True, "rows": "tenant=eq.{claims.tenant}"}}}

    assert await grant(policy_of(settings({"member": every})), Principal("7", ("member",), {"tenant": "1"})) is None


@pytest.mark.anyio
async def test_nobody_has_rights_without_a_role() -> None:
    rules = policy(support=SUPPORT)

    assert await grant(rules, ANONYMOUS) is None
    assert await grant(rules, Principal("7")) is None
    assert await grant(rules, Principal("7", ("other",))) is None


@pytest.mark.anyio
async def test_a_right_holds_for_its_resource_alone() -> None:
    rules = policy(support={"read": True})
    elsewhere = replace(CUSTOMERS, resource="billing")

    assert await rules.grant(Principal("7", ("support",)), elsewhere, READ) is None


@pytest.mark.anyio
async def test_a_view_can_be_narrowed_again_and_keeps_what_scopes_speak_of() -> None:
    rules = policy(support={"read": ["id"], "rows": "country=eq.FR"})
    principal = Principal("7", ("support",))
    view = rules.view(principal, CUSTOMERS)
    assert view is not None

    granted = await rules.grant(principal, view, READ)

    assert granted is not None
    assert granted.model.any_field("country").name == "country"
    assert [each.name for each in granted.model.fields] == ["id"]
    assert (granted.model.uniques, granted.model.relations) == ((), ())


@pytest.mark.anyio
async def test_a_relation_shows_only_when_both_ends_can_be_read() -> None:
    principal = Principal("7", ("support",))
    alone = {"shop": {"customers": {"read": True}}}
    with_target = {"shop": {"customers": {"read": True}, "countries": {"read": ["code"]}}}

    hidden = policy_of(settings({"support": alone})).view(principal, CUSTOMERS)
    shown = policy_of(settings({"support": with_target})).view(principal, CUSTOMERS)

    assert hidden is not None
    assert hidden.relations == ()
    assert shown is not None
    assert shown.relations == CUSTOMERS.relations


@pytest.mark.parametrize(
    "naming",
    [
        lambda name: Read(CUSTOMERS, where=equal(name, "x")),
        lambda name: Read(CUSTOMERS, where=Or((Not(And((equal(name, "x"),))),))),
        lambda name: Read(CUSTOMERS, select=(Column(Path(name)),)),
        lambda name: Read(CUSTOMERS, select=(Column(Path(name), alias="id"),)),
        lambda name: Read(CUSTOMERS, order=(Order(Path(name)),)),
        lambda name: Update(CUSTOMERS, {"email": "x"}, equal(name, "x")),
        lambda name: Update(CUSTOMERS, {name: "x"}, EVERYTHING),
        lambda name: Update(CUSTOMERS, {}, EVERYTHING, defaults=(name,)),
        lambda name: Update(CUSTOMERS, {"email": "x"}, EVERYTHING, options=returning(name)),
        lambda name: Update(CUSTOMERS, {"email": "x"}, EVERYTHING, options=WriteOptions(order=(Order(Path(name)),))),
        lambda name: Delete(CUSTOMERS, equal(name, "x")),
        lambda name: Delete(CUSTOMERS, EVERYTHING, options=returning(name)),
        lambda name: Create(CUSTOMERS, [{name: "x"}], (name,)),
        lambda name: Create(CUSTOMERS, [{"id": "x"}], ("id",), options=returning(name)),
        lambda name: Create(CUSTOMERS, [{"id": "x"}], ("id",), upsert=Upsert(Resolution.IGNORE, (name,))),
        lambda name: Create(CUSTOMERS, [{"id": "x"}], ("id", "email"), upsert=Upsert(Resolution.MERGE, (name,))),
    ],
)
@pytest.mark.anyio
async def test_every_clause_counts_and_a_hidden_field_is_an_unknown_one(naming: Callable[[str], Operation]) -> None:
    open_fields = ["id", "email", "country"]
    rules = policy(clerk={"read": open_fields, "create": open_fields, "update": open_fields, "delete": True})

    hidden, unknown = [await _refusal(rules, naming(name)) for name in ("secret", "nowhere")]

    assert hidden == unknown.replace("nowhere", "secret")


def returning(name: str) -> WriteOptions:
    return WriteOptions(returning=(Column(Path(name)),))


@pytest.mark.anyio
async def test_to_merge_into_records_takes_the_right_to_update() -> None:
    rules = policy(clerk={"read": True, "create": True, "rows": "country=eq.FR"})
    merge = Create(CUSTOMERS, [{"id": "1"}], ("id", "email"), upsert=Upsert(Resolution.MERGE, ("id",)))

    with pytest.raises(UnknownName):
        await _run(rules, merge)


@pytest.mark.parametrize(
    "operation",
    [
        Read(CUSTOMERS),
        Update(CUSTOMERS, {"email": "x"}, EVERYTHING),
        Delete(CUSTOMERS, EVERYTHING),
        Create(CUSTOMERS, [{"id": "1"}], ("id",), upsert=Upsert(Resolution.MERGE, ("id",))),
    ],
)
@pytest.mark.anyio
async def test_the_scope_is_part_of_what_is_executed(operation: Operation) -> None:
    rules = policy(clerk={"read": True, "create": True, "update": True, "delete": True, "rows": "country=eq.FR"})

    executed = await _run(rules, operation)

    assert executed.scope == equal("country", "FR")
    if isinstance(executed, Create | Update):
        assert executed.check == equal("country", "FR")


@pytest.mark.parametrize(
    ("count", "rows", "counted"),
    [
        (Counting.PLANNED, "country=eq.FR", Counting.EXACT),
        (Counting.ESTIMATED, "country=eq.FR", Counting.EXACT),
        (Counting.NONE, "country=eq.FR", Counting.NONE),
        (Counting.PLANNED, "", Counting.PLANNED),
    ],
)
@pytest.mark.anyio
async def test_a_guess_at_a_number_does_not_tell_of_hidden_records(
    count: Counting, rows: str, counted: Counting
) -> None:
    executed = await _run(policy(clerk={"read": True, "rows": rows}), Read(CUSTOMERS, count=count))

    assert isinstance(executed, Read)
    assert executed.count is counted


def test_only_model_and_scope_of_a_read_are_replaced() -> None:
    made = {each.name: object() for each in fields(Read)}
    operation = Read(**{**made, "select": (), "where": EVERYTHING, "order": (), "keys": None, "embeds": ()})  # type: ignore[arg-type]

    executed = narrowed(replace(operation, scope=EVERYTHING), Grant(CUSTOMERS, equal("id", "1")))

    assert executed == replace(operation, model=CUSTOMERS, scope=equal("id", "1"))


def test_the_claims_of_two_callers_are_never_mixed_up() -> None:
    rules = policy(support=SUPPORT)
    callers = [Principal("7", ("support",), MappingProxyType({"country": each})) for each in ("FR", "DE")]

    scopes = [narrowed(Read(CUSTOMERS), _now(rules, caller)).scope for caller in callers * 2]

    assert scopes == [equal("country", "FR"), equal("country", "DE")] * 2


def _now(rules: Policy, caller: Principal) -> Grant:
    granted = rules._decide(caller, CUSTOMERS, READ)
    assert granted is not None
    return granted


async def _run(rules: Policy, operation: Operation) -> Operation:
    executed: list[Operation] = []

    async def inner(call: Call) -> Answer:
        executed.append(call.operation)
        return Page()

    await authorize(rules)(inner)(Call(operation, Principal("7", ("clerk",)), float("inf")))
    return executed[0]


async def _refusal(rules: Policy, operation: Operation) -> str:
    with pytest.raises(UnknownName) as refusal:
        await _run(rules, operation)
    return f"{refusal.value.code} {refusal.value.message} {refusal.value.hint} {refusal.value.details}"


@pytest.mark.anyio
async def test_a_decision_is_remembered_once_however_often_a_credential_is_verified() -> None:
    class Rights:
        async def allow(self, resource: str, model: str, verb: Verb) -> bool:
            return True

    policy = Policy({("support", "shop", "customers"): Rule({Verb.READ: None})})
    grants = [await policy.grant(Principal("jet-token:1", ("support",), rights=Rights()), CUSTOMERS) for _ in range(50)]

    assert len(policy._decided) == 1
    assert grants == [grants[0]] * 50
