"""A person works in the sheet between our calls, and within them: no write ever lands on a row that was not meant."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from bridge_sheets.fake import ID, Person, Server, book, row_of, standin
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bridge_core import BridgeError, Condition, Create, Delete, Filter, Model, Op, Outcome, Path, Read, Update
from tests.support.sheets import opened_on

T = TypeVar("T")

STEPS = 20  # of one sheet
SHEETS = max(1, int(os.environ.get("BRIDGE_EXAMPLES", "240")) // STEPS)
KEYS = st.integers(1, 12)
TEXTS = st.sampled_from(["a", "b", "=1", "007", "é"])
PLACES = st.integers(2, 9)
WITHIN = st.sampled_from(["", "values.batchGet", "batchUpdate"])


class Sheet(RuleBasedStateMachine):
    """What should stand in the sheet is kept beside it as a bag of rows; places in it mean nothing."""

    server: Server
    keyed: bool

    @initialize(rows=st.lists(st.tuples(KEYS, TEXTS), max_size=6, unique_by=lambda row: row[0]))
    def open(self, rows: list[tuple[int, str]]) -> None:
        table: list[list[object]] = [["id", "text", "n"], *([key, text, key * 10] for key, text in rows)]
        self.server.service.books[ID] = book({"People": table})
        self.server.service.books[ID].sheets[0].rows[1:] = [row_of(row, literally=True) for row in table[1:]]
        self.rows: list[list[object]] = [list(row) for row in table[1:]]
        self.runner = asyncio.Runner()
        worksheets = {"People": {"types": {"id": "integer", "text": "text", "n": "integer"}}}
        if self.keyed:
            worksheets["People"]["key"] = ["id"]  # type: ignore[assignment]
        self.context = opened_on(self.server, worksheets=worksheets)
        self.opened = self.run(self.context.__aenter__())
        self.next = 100

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.context.__aexit__(None, None, None))
            self.runner.close()

    @rule(key=KEYS, text=TEXTS)
    def we_append(self, key: int, text: str) -> None:
        op = Create(self.model, [{"id": key, "text": text, "n": 0}], ("id", "text", "n"))
        there = self.keyed and any(row[0] == key for row in self.rows)
        if self.tried(self.opened.adapter.create(op)) is not None:
            assert not there
            self.rows.append([key, text, 0])
        else:
            assert there

    @rule(key=KEYS, text=TEXTS, within=WITHIN, place=PLACES, sort=st.booleans())
    def we_update(self, key: int, text: str, within: str, place: int, *, sort: bool) -> None:
        self.somebody_moves_rows(within, place, sort=sort)
        written = self.tried(self.opened.adapter.update(Update(self.model, {"text": text}, where(key))))
        if written is not None:
            meant = [row for row in self.rows if row[0] == key]
            assert written.affected == len(meant)
            for row in meant:
                row[1] = text

    @rule(key=KEYS, within=WITHIN, place=PLACES, sort=st.booleans())
    def we_delete(self, key: int, within: str, place: int, *, sort: bool) -> None:
        self.somebody_moves_rows(within, place, sort=sort)
        empty = not sort or any(not row for row in self.person.values()[1:])
        nobody_knows = within == "batchUpdate" and empty  # an empty row may be hit, and might have been a full one
        written = self.tried(self.opened.adapter.delete(Delete(self.model, where(key))), unknown=nobody_knows)
        if written is not None:
            assert written.affected == len([row for row in self.rows if row[0] == key])
            self.rows = [row for row in self.rows if row[0] != key]
        elif nobody_knows:  # then no other row may be gone
            there = [row for row in self.person.values()[1:] if row and row[0] == key]
            self.rows = [*there, *(row for row in self.rows if row[0] != key)]

    @rule(place=PLACES, text=TEXTS)
    def a_person_edits(self, place: int, text: str) -> None:
        there = self.person.values()
        if place <= len(there) and len(there[place - 1]) > 1:
            was = there[place - 1]
            self.person.edit(place, 2, text, literally=True)
            next(row for row in self.rows if row == was)[1] = text

    @rule(place=PLACES)
    def a_person_deletes(self, place: int) -> None:
        there = self.person.values()
        if place <= len(there):
            self.person.delete(place)
            if any(cell is not None for cell in there[place - 1]):
                self.rows.remove(there[place - 1])

    @rule(place=PLACES, filled=st.booleans())
    def a_person_inserts(self, place: int, *, filled: bool) -> None:
        self.next += 1
        self.person.insert(place, [self.next, "new", 1] if filled else [])
        self.rows += [[self.next, "new", 1]] * filled

    @rule(column=st.integers(1, 3), down=st.booleans())
    def a_person_sorts(self, column: int, *, down: bool) -> None:
        self.person.sort(column, descending=down)

    @invariant()
    def every_row_is_what_it_should_be(self) -> None:
        if hasattr(self, "rows"):
            there = [row for row in self.person.values()[1:] if any(cell is not None for cell in row)]
            assert sorted(map(repr, there)) == sorted(map(repr, self.rows))
            page = self.run(self.opened.adapter.read(Read(self.model)))
            found = [[record["id"], record["text"], record["n"]] for record in page.records]
            assert sorted(map(repr, found)) == sorted(map(repr, self.rows))

    def somebody_moves_rows(self, within: str, place: int, *, sort: bool) -> None:
        """Sort, or put an empty row in: between our calls, or when one of the requests of a call has come."""

        def act() -> None:
            if sort:
                self.person.sort(1, descending=place % 2 == 0)
            else:
                self.person.insert(place)

        if within:
            self.server.faults.just_before(within, act)
        else:
            act()

    def tried(self, call: Coroutine[Any, Any, T], *, unknown: bool = False) -> T | None:
        """Make a call; None where it was not applied, and said so, or said that nobody knows where that may be."""
        try:
            return self.run(call)
        except BridgeError as error:
            outcome = error.outcome
        finally:
            self.server.faults.forget()
        assert outcome is Outcome.NOT_APPLIED or unknown
        return None

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    @property
    def model(self) -> Model:
        return self.opened.models["People"]

    @property
    def person(self) -> Person:
        return self.server.person(ID, "People")


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without a key"])
def test_no_write_hits_a_wrong_row_and_none_is_lost(*, with_key: bool) -> None:
    with standin({}) as server:

        class Mine(Sheet):
            pass

        Mine.server, Mine.keyed = server, with_key
        checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
        run_state_machine_as_test(
            Mine,
            settings=settings(
                max_examples=SHEETS, stateful_step_count=STEPS, deadline=None, suppress_health_check=checks
            ),
        )
        assert server.service.complaints == []


def where(key: int) -> Filter:
    return Condition(Path("id"), Op.EQ, key)
