"""Read a query string in one pass; parts that come again and again are read once and remembered."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import unquote_plus

from bridge_core.condition import condition_of
from bridge_core.errors import Malformed
from bridge_core.grammar import Key, Word, key_of, logic_of, names_of, order_of
from bridge_core.logic import tree_of
from bridge_core.query import EVERYTHING, And, Filter, Order, Path, both
from bridge_core.schema import Model
from bridge_core.surfaces.rest.select import EVERY_FIELD, Selection, selection_of
from bridge_core.surfaces.rest.settings import remembering
from bridge_core.surfaces.rest.window import number_of

_HAVING: Final = Path("having")
_VISIBLE: Final = bytes(range(33, 127))
_CREDENTIALS: Final = frozenset(
    {"access_token", "accesstoken", "api_key", "api-key", "apikey", "auth", "auth_token", "authorization", "bearer",
     "id_token", "jwt", "refresh_token", "token"}
)  # fmt: skip


@dataclass(slots=True)
class Query:
    """What a query string asks for. It is written while it is read, and by nobody afterwards.

    `withheld` are keys and values that look like a credential: filters only where the model has such a field.
    """

    terms: list[Filter]
    selection: Selection = EVERY_FIELD
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None
    withheld: tuple[tuple[Key, str], ...] = ()
    nested: list[tuple[Key, str]] = field(default_factory=list)  # keys that go through embeds
    having: Filter = EVERYTHING

    @property
    def where(self) -> Filter:
        """The filter that all keys make together."""
        if not self.terms:
            return EVERYTHING
        return self.terms[0] if len(self.terms) == 1 else And(tuple(self.terms))

    def fit(self, model: Model) -> None:
        """Raise unless everything can be said of this model; names of fields are left to authorisation."""
        for key, value in self.withheld:
            if key.path.field not in model.by_name:
                raise Malformed(
                    f"the query string has a parameter {key.path.field!r}, and the model no such field",
                    hint="a credential belongs into the Authorization header, never into a URL",
                )
            self.terms.append(condition_of(key.path, value))
        self.withheld = ()

    @property
    def flat(self) -> bool:
        """Whether nothing is embedded or aggregated, so that no name but those of fields must be resolved."""
        plain = self.selection.columns is not None and not self.nested and self.having is EVERYTHING
        return plain and not any(term.path.embed is not None for term in self.order)


class QueryReader:
    """Reads query strings; its memory is bounded."""

    def __init__(self) -> None:
        self._key = remembering(_key)
        self._selection = remembering(selection_of)
        self._order = remembering(order_of)
        self._columns = remembering(partial(names_of, what="columns parameter"))
        self._on_conflict = remembering(partial(names_of, what="on_conflict parameter"))

    def read(self, raw: bytes) -> Query:
        """Read a query string, or raise Malformed."""
        query = Query([])
        if not raw:
            return query
        seen: set[Word] = set()
        for name, value in _pairs(raw):
            key, suspicious = self._key(name)
            if key.embeds:
                query.nested.append((key, value))
            elif key.word is not Word.FILTER:
                self._take(query, key, value, seen)
            elif suspicious:
                query.withheld += ((key, value),)
            elif value[:1] == "(" and is_having(key, value):
                query.having = both(query.having, tree_of(value, disjunction=False))
            else:
                query.terms.append(condition_of(key.path, value))
        return query

    def _take(self, query: Query, key: Key, value: str, seen: set[Word]) -> None:
        if key.word in (Word.AND, Word.OR):
            query.terms.append(logic_of(key, value))
            return
        if key.word in seen:
            raise Malformed(f"the parameter {key.word.value!r} is given more than once")
        seen.add(key.word)
        match key.word:
            case Word.SELECT:
                query.selection = self._selection(value)
            case Word.ORDER:
                query.order = self._order(value)
            case Word.LIMIT:
                query.limit = number_of("limit", value)
            case Word.OFFSET:
                query.offset = number_of("offset", value)
            case Word.COLUMNS:
                query.columns = self._columns(value)
            case Word.ON_CONFLICT:
                query.on_conflict = self._on_conflict(value)


def is_having(key: Key, value: str) -> bool:
    """Tell whether a key filters groups: what follows it begins as no condition on a field of that name can."""
    return key.word is Word.FILTER and key.path == _HAVING and value.startswith("(")


def _key(text: str) -> tuple[Key, bool]:
    key = key_of(text)
    return key, key.path.field.lower() in _CREDENTIALS


def _pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    """Yield keys and values, decoded as a form is; a parameter without `=` is ignored."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("the query string is not UTF-8") from None
    encoded = "%" in text or "+" in text
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if equals:
            yield (_decoded(name), _decoded(value)) if encoded else (name, value)


def _decoded(text: str) -> str:
    try:
        decoded = unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("the query string is not UTF-8") from None
    if "\x00" in decoded:
        raise Malformed("the query string holds a zero byte", code="22021")
    return decoded


def canonical(raw: bytes) -> bytes:
    """Return a query string with its parameters sorted, fit to stand in a header."""
    if b"&" in raw:
        raw = b"&".join(sorted(part for part in raw.split(b"&") if b"=" in part))
    if b"=" not in raw:
        return b""
    if raw.translate(None, _VISIBLE):
        raw = b"".join(bytes((each,)) if each in _VISIBLE else b"%%%02X" % each for each in raw)
    return b"?" + raw
