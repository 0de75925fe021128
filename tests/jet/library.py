"""A library of two models, in memory and in PostgreSQL: the same records, so that the same tests hold for both."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from bridge_core.operations import Record
from bridge_core.schema import Cardinality, Field, FieldType, Junction, Model, Relation
from bridge_core.testing.memory import MemoryAdapter, able

SQL: Final = """
CREATE TYPE kind AS ENUM ('novel', 'essay');
CREATE TABLE authors (id serial PRIMARY KEY, name text NOT NULL, born date);
CREATE TABLE books (
    id serial PRIMARY KEY, author_id integer REFERENCES authors, title varchar(40) NOT NULL UNIQUE, kind kind,
    price numeric(8,2), rating double precision, in_print boolean, topics text[], facts jsonb,
    printed timestamptz, sold timestamp, place integer
);
CREATE TABLE loans (book_id integer NOT NULL REFERENCES books, author_id integer NOT NULL REFERENCES authors,
                    PRIMARY KEY (book_id, author_id));
CREATE TABLE notes (word text, page integer);
INSERT INTO authors (name, born) VALUES ('Ada', '1815-12-10'), ('Bo', NULL), ('Cy 100%', '1900-01-01');
INSERT INTO books (author_id, title, kind, price, rating, in_print, topics, facts, printed, sold, place) VALUES
 (1, 'Engines', 'essay', 10.50, 0.5, true, '{steam,number}', '{"pages": 12}',
  '2024-01-31T23:30:00Z', '2024-01-31T10:00:00', 1),
 (1, 'Notes', 'essay', 7.00, NULL, false, '{}', '["a", 1]', '2024-02-01T00:30:00.25Z', NULL, 2),
 (2, 'Waves', 'novel', NULL, 1.25, NULL, NULL, NULL, NULL, NULL, 3),
 (3, 'Ends', 'novel', 99.99, 4.0, true, '{sea}', '{"pages": 300}', '2024-05-05T05:05:05Z', '2024-05-05T05:05:05', 4);
INSERT INTO loans VALUES (1, 1), (1, 2), (2, 1);
INSERT INTO notes VALUES ('b', 2), ('a', 1), (NULL, 3);
"""

_FK: Final = Relation("books_author_id_fkey", ("author_id",), "authors", ("id",), Cardinality.MANY_TO_ONE)
_BACK: Final = Relation("books_author_id_fkey", ("id",), "books", ("author_id",), Cardinality.ONE_TO_MANY)
_LENT: Final = Relation(
    "loans",
    ("id",),
    "books",
    ("id",),
    Cardinality.MANY_TO_MANY,
    junction=Junction("loans", ("author_id",), ("book_id",)),
)


def memory() -> MemoryAdapter:
    """Return the library in memory."""
    return MemoryAdapter(_models(), _rows())


def _models() -> list[Model]:
    serial = Field("id", FieldType.INTEGER, "integer", nullable=False, default="1", generated=True)
    number = Field("id", FieldType.INTEGER, "integer", nullable=False)
    authors = Model(
        "authors",
        (serial, Field("name", FieldType.TEXT, "text", nullable=False), Field("born", FieldType.DATE, "date")),
        key=("id",),
        relations=(_BACK, _LENT),
    )
    books = Model(
        "books",
        (
            serial,
            replace(number, name="author_id", nullable=True),
            Field("title", FieldType.TEXT, "character varying(40)", nullable=False, max_length=40),
            Field("kind", FieldType.ENUM, "kind", enum=("novel", "essay")),
            Field("price", FieldType.DECIMAL, "numeric(8,2)"),
            Field("rating", FieldType.FLOAT, "double precision"),
            Field("in_print", FieldType.BOOLEAN, "boolean"),
            Field("topics", FieldType.ARRAY, "text[]", item=FieldType.TEXT),
            Field("facts", FieldType.JSON, "jsonb"),
            Field("printed", FieldType.TIMESTAMPTZ, "timestamp with time zone"),
            Field("sold", FieldType.TIMESTAMP, "timestamp without time zone"),
            replace(number, name="place", nullable=True),
        ),
        key=("id",),
        uniques=(("title",),),
        relations=(_FK,),
    )
    loans = Model(
        "loans", (replace(number, name="book_id"), replace(number, name="author_id")), key=("book_id", "author_id")
    )
    notes = Model("notes", (Field("word", FieldType.TEXT, "text"), replace(number, name="page", nullable=True)))
    return [able(each) for each in (authors, books, loans, notes)]


def _rows() -> dict[str, list[Record]]:
    def book(number: int, author: int, title: str, kind: str, **values: object) -> Record:
        blank: dict[str, object] = dict.fromkeys(
            ("price", "rating", "in_print", "topics", "facts", "printed", "sold", "place")
        )
        return {"id": number, "author_id": author, "title": title, "kind": kind, **blank, **values, "place": number}

    return {
        "authors": [
            {"id": 1, "name": "Ada", "born": date(1815, 12, 10)},
            {"id": 2, "name": "Bo", "born": None},
            {"id": 3, "name": "Cy 100%", "born": date(1900, 1, 1)},
        ],
        "books": [
            book(
                1, 1, "Engines", "essay", price=Decimal("10.50"), rating=0.5, in_print=True,
                topics=("steam", "number"), facts={"pages": 12},
                printed=datetime(2024, 1, 31, 23, 30, tzinfo=UTC), sold=datetime(2024, 1, 31, 10),  # noqa: DTZ001 - without a zone, as the field is
            ),
            book(
                2, 1, "Notes", "essay", price=Decimal("7.00"), in_print=False, topics=(), facts=["a", 1],
                printed=datetime(2024, 2, 1, 0, 30, 0, 250_000, tzinfo=UTC),
            ),
            book(3, 2, "Waves", "novel", rating=1.25),
            book(
                4, 3, "Ends", "novel", price=Decimal("99.99"), rating=4.0, in_print=True, topics=("sea",),
                facts={"pages": 300}, printed=datetime(2024, 5, 5, 5, 5, 5, tzinfo=UTC),
                sold=datetime(2024, 5, 5, 5, 5, 5),  # noqa: DTZ001
            ),
        ],
        "loans": [{"book_id": 1, "author_id": 1}, {"book_id": 1, "author_id": 2}, {"book_id": 2, "author_id": 1}],
        "notes": [{"word": "b", "page": 2}, {"word": "a", "page": 1}, {"word": None, "page": 3}],
    }  # fmt: skip
