"""What is kept of a keyed write: the same in every process, and shown to nobody who may not see it now."""

import subprocess
import sys
from dataclasses import replace

import pytest

from bridge_core.errors import Conflict, Outcome
from bridge_core.layers.keyed import packed, unpacked
from bridge_core.operations import Create, Page, WriteOptions, Written
from bridge_core.policy import narrowed
from bridge_core.query import Condition, Op, Path
from bridge_core.schema import Field, FieldType, Model

NOTES = Model("notes", (Field("id", FieldType.INTEGER), Field("secret", FieldType.TEXT)), key=("id",))
BACK = WriteOptions(key="k", returning=(), encoded=True)
OURS = Condition(Path("id"), Op.GT, "0")
ADDED = Create(NOTES, [{"id": 1}], ("id",), scope=OURS, options=BACK)
ANSWER = Written(1, 1, Page(encoded=b'[{"id":1,"secret":"x"}]', rows=1), keys=[])

_SCRIPT = """
from bridge_core.layers.keyed import fingerprint
from bridge_core.operations import Create, Embed, Read, WriteOptions
from bridge_core.query import Op
from bridge_core.schema import Cardinality, Field, FieldType, Model, Relation
number = Field("id", FieldType.INTEGER, operators=frozenset({Op.EQ, Op.LT, Op.GT, Op.IN, Op.LIKE}))
model = Model("notes", (number,), key=("id",))
embed = Embed("up", Relation("up", ("id",), "notes", ("id",), Cardinality.MANY_TO_ONE), Read(model))
print(fingerprint(Create(model, [{"id": 1}], ("id",), options=WriteOptions(key="k", returning=(), embeds=(embed,)))))
"""


def test_a_request_has_one_fingerprint_in_every_process() -> None:
    def fingerprint(seed: str) -> str:
        command = [sys.executable, "-c", _SCRIPT]
        return subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout

    assert len({fingerprint(seed) for seed in "123"}) == 1


def test_an_answer_comes_back_as_it_was() -> None:
    assert unpacked(packed(ANSWER, ADDED), ADDED) == replace(ANSWER, replayed=True)


@pytest.mark.parametrize(
    "again",
    [
        replace(ADDED, model=narrowed(NOTES, frozenset({"id"}), None, None)),
        replace(ADDED, scope=Condition(Path("id"), Op.GT, "9")),
    ],
    ids=["a field was taken away", "the rows are others"],
)
def test_records_are_not_shown_again_to_who_may_see_less_by_now(again: Create) -> None:
    with pytest.raises(Conflict) as caught:
        unpacked(packed(ANSWER, ADDED), again)

    assert caught.value.outcome is Outcome.APPLIED


def test_an_answer_without_records_is_given_again_whoever_sees_what() -> None:
    silent = replace(ADDED, options=WriteOptions(key="k"))
    again = replace(silent, model=narrowed(NOTES, frozenset({"id"}), None, None))

    assert unpacked(packed(Written(1, 1), silent), again) == Written(1, 1, keys=[], replayed=True)
