"""Level 0: settings that explain themselves, and a description that can be relied on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from pydantic import SecretStr

from bridge_core.adapter import CONTRACT
from bridge_core.config import validated
from bridge_core.errors import ConfigurationError
from bridge_core.schema import Boolean, FieldType, Model, Paging, WriteBy
from bridge_core.testing.bench import PLACE, Bench, connected, must
from bridge_core.testing.check import on_adapter, on_plugin
from bridge_core.testing.subject import Subject

_SECRET: Final = re.compile(r"secret|password|passwd|token|credential|api_?key|private", re.IGNORECASE)
_VERBS: Final = ("describe", "read", "create", "update", "delete", "close")


async def wrong_settings_name_their_key(subject: Subject) -> None:
    """An unknown key, and a required one that is missing, is an error that names it."""
    model = subject.plugin.settings
    must("no_such_key" in _complaint(model, {**subject.settings, "no_such_key": 1}), "an unknown key is taken silently")
    for name, info in model.model_fields.items():
        key = info.alias or name
        if info.is_required():
            rest = {each: value for each, value in subject.settings.items() if each != key}
            must(key in _complaint(model, rest), f"the error about a missing {key!r} does not name it")


async def secrets_are_not_shown(subject: Subject) -> None:
    """What is secret in the settings stands in no text about the settings or the adapter."""
    options = validated(subject.plugin.settings, subject.settings, PLACE)
    secrets = dict(_secrets(options, subject.settings))
    for name, value in secrets.items():
        for text in (repr(options), str(options), str(options.model_dump())):
            must(value not in text, f"the setting {name!r} is a secret and is shown: make it a SecretStr")
    adapter = await connected(subject)
    try:
        text = f"{adapter!r} {adapter} {vars(adapter) if hasattr(adapter, '__dict__') else ''}"
        for name, value in secrets.items():
            must(value not in text, f"the adapter shows the secret setting {name!r}")
    finally:
        await adapter.close()


async def the_contract_is_spoken(subject: Subject) -> None:
    """The plugin speaks this version of the contract, and its adapter has all six verbs."""
    found = subject.plugin.contract
    must(found == CONTRACT, f"the plugin speaks version {found} of the contract; this is version {CONTRACT}")
    adapter = await connected(subject)
    try:
        lacking = [name for name in _VERBS if not callable(getattr(adapter, name, None))]
        must(not lacking, f"the adapter lacks {', '.join(lacking)}")
    finally:
        await adapter.close()


async def the_description_is_stable(bench: Bench) -> None:
    """Two descriptions of the same backend are equal, models and fields in the same order."""
    first, second = await bench.adapter.describe(), await bench.adapter.describe()
    must([each.name for each in first] == [each.name for each in second], "the models come in another order each time")
    for one, other in zip(first, second, strict=True):
        must(one == other and hash(one) == hash(other), f"{one.name} is described differently each time")


async def the_description_is_plain_data(bench: Bench) -> None:
    """A description holds nothing but text, numbers, sets and the values of the contract."""
    for model in bench.models.values():
        _must_be_data(model, model.name)
        hash(model)


async def the_description_makes_sense(bench: Bench) -> None:
    """Names are unique, keys and relations speak of fields that exist, and what is declared fits together."""
    described = [model.name for model in await bench.adapter.describe()]
    must(len(described) == len(set(described)), "two models have the same name")
    for model in bench.models.values():
        for complaint in _complaints(model):
            must(holds=False, otherwise=f"{model.name}: {complaint}")


def _complaint(settings: type[Any], values: Mapping[str, object]) -> str:
    try:
        validated(settings, values, PLACE)
    except ConfigurationError as error:
        return error.message
    return ""


def _secrets(options: Any, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, info in type(options).model_fields.items():
        value = getattr(options, name)
        given = values.get(info.alias or name)
        if isinstance(value, SecretStr):
            yield name, value.get_secret_value()
        elif isinstance(given, str) and _SECRET.search(name):
            yield name, given


def _must_be_data(value: object, where: str) -> None:
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            if each.init:
                _must_be_data(getattr(value, each.name), f"{where}.{each.name}")
        return
    if isinstance(value, tuple | frozenset):
        for place, item in enumerate(value):
            _must_be_data(item, f"{where}[{place}]")
        return
    must(isinstance(value, str | int | float | Enum | None), f"{where} is a {type(value).__name__}: that is no data")


def _complaints(model: Model) -> Iterator[str]:
    names = [each.name for each in model.fields]
    if len(names) != len(set(names)):
        yield "two fields have the same name"
    for name in (*model.key, *(name for unique in model.uniques for name in unique)):
        if name not in names:
            yield f"the key speaks of {name!r}, which is no field"
    for relation in model.relations:
        if not set(relation.fields) <= set(names) or len(relation.fields) != len(relation.target_fields):
            yield f"the relation {relation.name!r} does not fit the fields"
    for each in model.fields:
        if each.type is FieldType.ARRAY and each.item is None:
            yield f"the array {each.name!r} does not say what it holds"
    yield from _contradictions(model)


def _contradictions(model: Model) -> Iterator[str]:
    can = model.capabilities
    keyed = can.key_batch or (can.write_by is WriteBy.KEY and (can.update_batch or can.delete_batch))
    if keyed and not model.key:
        yield "records are found by key, and there is no key"
    if can.upserts and not (can.create_batch and (model.key or model.uniques)):
        yield "upserts need creates, and a key or a unique set of fields"
    if can.paging is not Paging.WHOLE and can.max_page is not None and can.max_page < 1:
        yield "a page holds no record"
    if can.boolean is Boolean.NONE and any(each.operators for each in model.fields):
        yield "fields declare operators, and the model takes no filter"
    if can.boolean is Boolean.DNF and can.max_disjunctions < 1:
        yield "an `or` of no terms is declared"
    if can.sort_terms == 0 and any(each.sortable for each in model.fields):
        yield "fields are sortable, and the model takes no order"


CHECKS: Final = (
    on_plugin(0, wrong_settings_name_their_key),
    on_plugin(0, secrets_are_not_shown),
    on_plugin(0, the_contract_is_spoken),
    on_adapter(0, the_description_is_stable),
    on_adapter(0, the_description_is_plain_data),
    on_adapter(0, the_description_makes_sense),
)
