"""The smaller grammars of the surface: select, Prefer, and the way from a path to a place."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_core.errors import BridgeError, Malformed, UnknownName
from bridge_core.operations import Missing, Resolution
from bridge_core.query import Column, Counting, Path, Step
from bridge_core.surfaces.rest.media import body_form_of, media_of
from bridge_core.surfaces.rest.place import Address, address_of
from bridge_core.surfaces.rest.prefer import Handling, Preferences, Returning, applied, preferences_of
from bridge_core.surfaces.rest.querystring import QueryReader, canonical
from bridge_core.surfaces.rest.request import request_of
from bridge_core.surfaces.rest.select import Aggregated, Item, Nested, Star, selection_of

A = Column(Path("a"))


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", ()),
        ("*", ()),
        ("a", (A,)),
        (" a , b ", (A, Column(Path("b")))),
        ("x:a::text", (Column(Path("a"), "x", "text"),)),
        ("a::double precision", (Column(Path("a"), None, "double precision"),)),
        ("d->a->>0::int", (Column(Path("d", (Step("a"), Step(0, text=True))), None, "int"),)),
        ('"x y.z":"a,b"', (Column(Path("a,b"), "x y.z"),)),
        ("Just A Model", (Column(Path("Just A Model")),)),
        ("a,*", (A, Star())),
        ("count()", (Aggregated("count"),)),
        ("n:count()::text", (Aggregated("count", None, "n", "text"),)),
        ("s:a::int.sum()::text", (Aggregated("sum", Column(Path("a"), "s", "int"), "s", "text"),)),
        ("t(*)", (Nested("t", (Star(),)),)),
        ("t()", (Nested("t", ()),)),
        ("x:t!fk!inner(a,u!left(*))", (Nested("t", (A, Nested("u", (Star(),))), "x", ("fk",), inner=True),)),
        ("...t(a)", (Nested("t", (A,), spread=True),)),
    ],
)
def test_a_select_is_read_item_by_item(text: str, items: tuple[Item, ...]) -> None:
    assert selection_of(text).items == items


@pytest.mark.parametrize(
    "text",
    ["a,", ",a", "a:", "a::", "a.sum", "a.median()", "t(", "t(a", "t!(a)", "...t", "a->", "a b.c", "a)", "data->(x"],
)
def test_a_select_that_does_not_parse_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        selection_of(text)


@pytest.mark.parametrize(
    ("text", "preferences"),
    [
        ("", Preferences()),
        ("return=minimal", Preferences(returning=Returning.MINIMAL)),
        ("return=minimal,return=representation", Preferences(returning=Returning.MINIMAL)),
        ("RETURN=minimal", Preferences(unknown=("RETURN=minimal",))),
        ("count=exact , count=none", Preferences(count=Counting.EXACT, unknown=("count=none",))),
        ("resolution=merge-duplicates,missing=default", Preferences(Resolution.MERGE, Missing.DEFAULT)),
        ("handling=strict, max-affected=5", Preferences(handling=Handling.STRICT, max_affected=5)),
        ("max-affected=x,max-affected=²", Preferences(unknown=("max-affected=x", "max-affected=²"))),
        ("max-scan=7,wait=0", Preferences(max_scan=7, wait=1)),
        ("timezone=America/Los_Angeles", Preferences(timezone="America/Los_Angeles")),
        (",,", Preferences()),
    ],
)
def test_preferences_are_read_the_first_of_each_kind(text: str, preferences: Preferences) -> None:
    assert preferences_of(text) == preferences


def test_what_was_honoured_is_said_in_a_fixed_order() -> None:
    preferences = preferences_of("max-affected=3,tx=commit,count=exact,return=minimal,resolution=ignore-duplicates")

    said = applied(preferences, frozenset({"resolution", "return", "count", "max-affected"}))
    assert said == b"resolution=ignore-duplicates, return=minimal, count=exact, max-affected=3"


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (b"/shelf", Address("shelf", None)),
        (b"/shelf/", Address("shelf", None)),
        (b"/shelf/books", Address("shelf", "books", b"books")),
        (b"/shelf/a%2Fb", Address("shelf", "a/b", b"a%2Fb")),
        (b"/shelf/a%252Fb", Address("shelf", "a%2Fb", b"a%252Fb")),
        (b"/shelf/%D9%85", Address("shelf", "م", b"%D9%85")),
        (b"/shelf/..", Address("shelf", "..", b"..")),
    ],
)
def test_a_path_is_decoded_once_segment_by_segment(path: bytes, address: Address) -> None:
    assert address_of(path) == address


@pytest.mark.parametrize("path", [b"", b"/", b"//books", b"/shelf//", b"/shelf/books/", b"/a/b/c", b"/shelf/%ff"])
def test_a_path_that_leads_nowhere_is_not_there(path: bytes) -> None:
    with pytest.raises(UnknownName):
        address_of(path)


@pytest.mark.parametrize(
    ("raw", "root", "path"),
    [
        (b"/rest/shelf/books", "", b"/shelf/books"),
        (b"/rest/shelf/books", "/rest", b"/shelf/books"),
        (b"/rest/rest/books", "/rest", b"/rest/books"),
        (b"/bridge/rest/shelf/books", "/bridge", b"/shelf/books"),
        (b"/restless/books", "", b""),
    ],
)
def test_the_surface_finds_its_base_wherever_it_is_mounted(raw: bytes, root: str, path: bytes) -> None:
    scope = {"method": "GET", "raw_path": raw, "path": "", "root_path": root, "query_string": b"", "headers": []}

    assert request_of(scope, b"/rest").path == path


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", b""),
        (b"flag", b""),
        (b"b=2&a=1", b"?a=1&b=2"),
        (b"a=\xc3\xbc x", b"?a=%C3%BC%20x"),
        (b"a=1\r\nset-cookie: x=1", b"?a=1%0D%0Aset-cookie:%20x=1"),
    ],
)
def test_a_canonical_query_is_sorted_and_fit_for_a_header(raw: bytes, expected: bytes) -> None:
    assert canonical(raw) == expected


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["a", "*", ":", "::", "(", ")", "!", ",", ".", "...", "count()", "->"])).map("".join),
    )
)
def test_any_text_is_understood_or_refused(text: str) -> None:
    for read in (selection_of, preferences_of, media_of, body_form_of):
        with contextlib.suppress(BridgeError):
            read(text)


@given(st.binary())
def test_any_bytes_are_a_query_or_malformed(raw: bytes) -> None:
    canonical(raw).decode("ascii")
    with contextlib.suppress(Malformed):
        QueryReader().read(raw)
