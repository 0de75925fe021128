"""Each lie that an adapter can tell is found out, by the check that is meant for it."""

import pytest

from bridge_core.testing.examine import CHECKS, examined
from bridge_core.testing.hostile import Hostile, HostileNotary
from bridge_core.testing.lies import DESCRIBED, Lie
from bridge_core.testing.memory import Weakness
from tests.testing.subjects import subject

pytestmark = pytest.mark.anyio

BY_ID = {check.id: check for check in CHECKS}
CAUGHT_BY = {
    Lie.UNSTABLE: "L0-the-description-is-stable",
    Lie.NO_DATA: "L0-the-description-is-plain-data",
    Lie.NO_SUCH_KEY: "L0-the-description-makes-sense",
    Lie.SHOWS_SECRETS: "L0-secrets-are-not-shown",
    Lie.EMPTY: "L1-there-are-records-to-read",
    Lie.DROPS_LAST: "L1-every-record-comes-once",
    Lie.FIRST_HUNDRED: "L1-all-known-records-come",
    Lie.REPEATS: "L1-keys-are-unique",
    Lie.LARGE_PAGES: "L6-no-page-is-larger-than-declared",
    Lie.CYCLES: "L1-every-record-comes-once",
    Lie.ANY_CURSOR: "L5-a-cursor-of-nobody-is-refused",
    Lie.NO_OFFSET: "L1-an-offset-skips-as-many",
    Lie.NEIGHBOURS: "L1-records-are-found-by-key",
    Lie.BARE_LOOK_UPS: "L2-a-filter-holds-for-look-ups",
    Lie.TEXT_DATES: "L1-values-have-their-types",
    Lie.ALL_COLUMNS: "L1-only-chosen-columns-come",
    Lie.HIDDEN: "L1-hidden-fields-do-not-come",
    Lie.DISTINCT: "L1-the-choice-of-columns-loses-no-record",
    Lie.FALSE_TOTAL: "L1-totals-are-exact",
    Lie.FLOAT_JSON: "L1-json-is-the-records",
    Lie.IGNORES_FILTER: "L2-each-operator-means-what-it-says",
    Lie.ANY_CASE: "L2-each-operator-means-what-it-says",
    Lie.NULL_DIFFERS: "L2-what-is-missing-matches-nothing",
    Lie.OR_IS_AND: "L2-conditions-hold-together",
    Lie.NO_SCOPE: "L2-scope-holds-beside-the-filter",
    Lie.BLIND_FILTER: "L2-a-filter-works-on-what-is-not-selected",
    Lie.NO_PATHS: "L2-paths-lead-into-json",
    Lie.BAD_RULE: "L2-rules-speak-of-what-there-is",
    Lie.TEXT_NUMBERS: "L3-an-order-is-by-value",
    Lie.COLLATION: "L3-text-is-ordered-by-code-point",
    Lie.NULLS_LAST: "L3-records-without-a-value-stand-where-asked",
    Lie.FIRST_TERM: "L3-the-second-term-decides-among-equals",
    Lie.SORTS_THE_PAGE: "L3-a-window-is-cut-from-the-order",
    Lie.FIRST_PAGE: "L3-pages-follow-the-order",
    Lie.SCALE: "L3-values-come-back-as-they-were",
    Lie.FLOAT_INTEGERS: "L3-values-come-back-as-they-were",
    Lie.SHIFTS_TIME: "L3-values-come-back-as-they-were",
    Lie.COMPOSES: "L3-values-come-back-as-they-were",
    Lie.APPLIES_NOTHING: "L4-a-new-record-is-there",
    Lie.HALF_A_BATCH: "L4-a-batch-is-there-once",
    Lie.OVERWRITES: "L4-a-key-is-given-once",
    Lie.NOT_ATOMIC: "L4-an-atomic-batch-is-whole-or-nothing",
    Lie.SILENT_PART: "L4-a-partial-batch-says-what-failed",
    Lie.UPDATES_ALL: "L4-an-update-changes-these-alone",
    Lie.DELETES_MORE: "L4-a-delete-removes-these-alone",
    Lie.WRONG_COUNT: "L4-what-does-not-match-is-not-written",
    Lie.UPDATES_BEYOND: "L4-scope-limits-an-update",
    Lie.DELETES_BEYOND: "L4-scope-limits-a-delete",
    Lie.STALE: "L4-written-records-are-given-back",
    Lie.GIVES_ALL: "L4-chosen-columns-are-given-back",
    Lie.UNBOUNDED: "L4-bounds-on-affected-records-hold",
    Lie.WET_RUN: "L4-a-dry-run-leaves-nothing",
    Lie.MERGES: "L4-an-upsert-merges-or-ignores",
    Lie.UPSERT_DOUBLES: "L4-an-upsert-merges-or-ignores",
    Lie.NO_VERSIONS: "L4-a-wrong-version-is-not-overwritten",
    Lie.SAME_VERSION: "L4-a-version-changes-with-its-record",
    Lie.NO_REPLAY: "L4-a-repeated-create-is-applied-once",
    Lie.NO_WITNESS: "L4-a-witness-hears-of-a-write-first",
    Lie.DEAF: "L4-a-witness-can-stop-a-write",
    Lie.SWALLOWS: "L5-a-failing-backend-is-an-error",
    Lie.SHORT_LIST: "L5-a-failure-later-on-is-no-short-list",
    Lie.SWALLOWS_WRITES: "L5-a-write-to-a-failing-backend-tells-its-outcome",
    Lie.GOES_ON: "L5-a-call-can-be-left",
    Lie.LEFT_HALFWAY: "L5-a-write-can-be-left",
    Lie.BLOCKS: "L6-the-event-loop-is-never-held",
    Lie.BLOCKS_WRITES: "L6-a-write-never-holds-the-event-loop",
    Lie.MIXES_UP: "L6-many-calls-at-once-are-answered",
    Lie.SMALL_BATCHES: "L6-the-declared-batches-are-taken",
    Lie.LEAKS: "L6-close-gives-everything-back",
}
BACKEND = {  # lies that only a backend can tell that is weak in this way
    Lie.CYCLES: (Weakness.CURSOR,),
    Lie.ANY_CURSOR: (Weakness.CURSOR,),
    Lie.SILENT_PART: (Weakness.ATOMIC,),
}


@pytest.mark.parametrize("lie", Lie, ids=lambda lie: lie.name)
async def test_a_lie_is_caught_by_the_check_that_is_meant_for_it(lie: Lie) -> None:
    check = BY_ID[CAUGHT_BY[lie]]
    weaknesses = BACKEND.get(lie, ())
    kind = HostileNotary if lie in (Lie.NO_WITNESS, Lie.DEAF) else Hostile
    honest = subject(weaknesses, lambda adapter: kind(adapter, None))
    liar = subject(weaknesses, lambda adapter: kind(adapter, lie))

    verdict = await examined(check, honest)
    assert verdict.ran or lie in DESCRIBED  # what is declared falsely, an honest adapter does not declare
    assert not verdict.broken
    assert (await examined(check, liar)).broken, f"{lie.value}: nobody notices"
