"""Level 4, of adapters that are `Transactions`: a witness hears of a write before it is final, and can stop it."""

from typing import Final

from bridge_core.adapter import Transactions
from bridge_core.errors import BridgeError, Outcome, Unavailable
from bridge_core.operations import Create, WriteOptions, Written
from bridge_core.schema import Model
from bridge_core.testing.bench import Bench, must
from bridge_core.testing.check import on_models
from bridge_core.testing.levels import declared
from bridge_core.testing.levels.news import added_by, new_records, removed_again


class Witness:
    """Remembers what it was told, and says no if it is to."""

    def __init__(self, *, refuses: bool) -> None:
        self.heard: list[tuple[str, Written]] = []
        self._refuses = refuses

    async def __call__(self, token: str, answer: Written, /) -> None:
        """Hear of a write."""
        self.heard.append((token, answer))
        if self._refuses:
            raise Unavailable("the witness refuses")


async def a_witness_hears_of_a_write_first(bench: Bench, model: Model) -> None:
    """A witness is told once what will hold; afterwards the adapter denies none of it."""
    before = await bench.everything(model)
    witness = Witness(refuses=False)
    await bench.write(_create(bench, model, witness))
    added = await added_by(bench, model, before)
    must(len(witness.heard) == 1, f"{model.name}: the witness heard of {len(witness.heard)} writes, there was 1")
    token, answer = witness.heard[0]
    must(answer.affected == len(added) == 1, f"{model.name}: the witness heard of {answer.affected} records")
    await _must_be(bench, model, token, Outcome.APPLIED)
    await removed_again(bench, model, added)


async def a_witness_can_stop_a_write(bench: Bench, model: Model) -> None:
    """A write whose witness raises is not applied, and the adapter never says that it was."""
    before = await bench.everything(model)
    witness = Witness(refuses=True)
    try:
        await bench.write(_create(bench, model, witness))
    except BridgeError:
        added = await added_by(bench, model, before)
        await removed_again(bench, model, added)
        must(not added, f"{model.name}: the witness refused, and {len(added)} records are there")
        for token, _ in witness.heard:
            await _must_be(bench, model, token, Outcome.NOT_APPLIED)
        return
    await removed_again(bench, model, await added_by(bench, model, before))
    must(holds=False, otherwise=f"{model.name}: the witness refused, and the write succeeds")


def _create(bench: Bench, model: Model, witness: Witness) -> Create:
    records = new_records(bench, model, 1)
    return Create(
        model, records, tuple(records[0]), options=WriteOptions(key=f"kit-{bench.numbers(1)[0]}", witness=witness)
    )


async def _must_be(bench: Bench, model: Model, token: str, outcome: Outcome) -> None:
    assert isinstance(bench.adapter, Transactions)  # declared.transactions
    said = await bench.adapter.outcome_of(token)
    must(said in (outcome, Outcome.UNKNOWN), f"{model.name}: the outcome is {outcome.value}, the adapter says {said}")


CHECKS: Final = (
    on_models(4, a_witness_hears_of_a_write_first, declared.creates, declared.deletes, declared.transactions),
    on_models(4, a_witness_can_stop_a_write, declared.creates, declared.deletes, declared.transactions),
)
