"""A sample shop in SQLite, always the same one: customers, products, orders and their items, about 100,000 rows."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

Row: TypeAlias = tuple[object, ...]
Advance: TypeAlias = Callable[[int], None]

SEED: Final = 20_260_101
CUSTOMERS: Final = 8_000
PRODUCTS: Final = 1_000
ORDERS: Final = 30_000
MAX_ITEMS: Final = 3  # per order: two on average
BATCH: Final = 2_000

SCHEMA: Final = """
create table customers (
    id integer primary key,
    email varchar(120) not null unique,
    name text not null,
    country char(2) not null,
    segment text not null default 'private' check (segment in ('private', 'business', 'reseller')),
    newsletter boolean not null default false,
    birthday date,
    credit_limit decimal(10, 2),
    preferences json,
    notes text,
    created_at timestamp with time zone not null default (strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now'))
);
create table products (
    id integer primary key,
    sku varchar(20) not null unique,
    name text not null,
    category text not null check (category in ('books', 'garden', 'kitchen', 'office', 'toys')),
    price decimal(10, 2) not null check (price >= 0),
    weight_kg double precision,
    tags json not null default '[]',
    discontinued boolean not null default false,
    released_on date
);
create table orders (
    id integer primary key,
    customer_id integer not null references customers (id),
    status text not null default 'open' check (status in ('open', 'paid', 'shipped', 'returned', 'cancelled')),
    total decimal(12, 2) not null default 0,
    currency char(3) not null default 'EUR',
    shipping json,
    note text,
    placed_at timestamp with time zone not null default (strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now')),
    shipped_at timestamp with time zone
);
create table items (
    order_id integer not null references orders (id) on delete cascade,
    position integer not null,
    product_id integer not null references products (id),
    quantity integer not null check (quantity > 0),
    unit_price decimal(10, 2) not null,
    discount decimal(4, 2),
    primary key (order_id, position)
) without rowid;
create index customers_country on customers (country);
create index products_category on products (category);
create index orders_customer on orders (customer_id);
create index orders_placed on orders (placed_at);
create index orders_status on orders (status, placed_at);
create index items_product on items (product_id);
create view revenue_by_country as
    select customers.country, count(*) as orders, round(sum(orders.total), 2) as total
    from orders join customers on customers.id = orders.customer_id
    where orders.status in ('paid', 'shipped') group by customers.country;
"""

_FIRST: Final = (
    "Ada Ben Carla David Elif Farid Greta Hugo Inês Jonas Kaito Lena Marek Noor Olga Pablo Quinn Rosa Søren Tara"
).split()
_LAST: Final = (
    "Abe Becker Costa Dubois Evans Fischer García Haddad Ito Jensen Kowalska López Müller Novák Okafor Peeters Rossi"
).split()
_COUNTRIES: Final = ("DE", "FR", "GB", "ES", "IT", "NL", "PL", "SE", "US", "JP")
_WEIGHTS: Final = (24, 15, 14, 9, 9, 7, 7, 5, 7, 3)
_CURRENCY: Final = {"GB": "GBP", "PL": "PLN", "SE": "SEK", "US": "USD", "JP": "JPY"}
_THINGS: Final = (
    "Atlas Basket Compass Desk Easel Folder Grinder Hammock Inkwell Jar Kettle Lantern Mug Notebook Oven Puzzle"
).split()
_KINDS: Final = (
    "Amber Birch Classic Deluxe Folding Giant Heavy Ivory Jumbo Light Mini Nordic Oak Pocket Quiet Round"
).split()
_CATEGORIES: Final = ("books", "garden", "kitchen", "office", "toys")
_STATUSES: Final = ("open", "paid", "shipped", "returned", "cancelled")
_NOTES: Final = ("calls back on Monday", "prefers e-mail", "pays late", 'asks for "the usual"', "moved, check address")
_EPOCH: Final = datetime(2023, 1, 1, tzinfo=UTC)
_MINUTES: Final = 3 * 365 * 24 * 60


def make(path: Path, advance: Advance) -> int:
    """Write the shop to a new file and return its number of rows; `advance` hears of every batch."""
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft, isolation_level=None)) as database:
        database.executescript("pragma journal_mode = off; pragma synchronous = off; begin;" + SCHEMA)
        rows = sum(_fill(database, table, content, advance) for table, content in _tables(Random(SEED)))  # noqa: S311
        database.executescript("analyze; pragma journal_mode = wal;")
    draft.replace(path)
    return rows


def expected_rows() -> int:
    """Return about how many rows `make` writes, for a progress bar."""
    return CUSTOMERS + PRODUCTS + ORDERS + ORDERS * (1 + MAX_ITEMS) // 2


def _fill(database: sqlite3.Connection, table: str, content: Iterable[Row], advance: Advance) -> int:
    written = 0
    for batch in _batches(content):
        values = ", ".join("?" * len(batch[0]))
        database.executemany(f"insert into {table} values ({values})", batch)  # noqa: S608 - names from below
        written += len(batch)
        advance(len(batch))
    return written


def _batches(content: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in content:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _tables(chance: Random) -> Iterator[tuple[str, Iterable[Row]]]:
    customers = [_customer(chance, number) for number in range(1, CUSTOMERS + 1)]
    products = [_product(chance, number) for number in range(1, PRODUCTS + 1)]
    items = [_items(chance, number, products) for number in range(1, ORDERS + 1)]
    yield "customers", customers
    yield "products", products
    yield "orders", (_order(chance, number, each, customers) for number, each in enumerate(items, 1))
    yield "items", (row for each in items for row in each)


def _customer(chance: Random, number: int) -> Row:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    segment = chance.choices(("private", "business", "reseller"), (80, 17, 3))[0]
    born = date(1950, 1, 1) + timedelta(days=chance.randrange(55 * 365))
    preferences = {"language": chance.choice(["de", "en", "fr"]), "theme": {"dark": chance.random() < 0.4}}
    return (
        number,
        f"{first}.{last}.{number}@example.com".lower(),
        f"{first} {last}",
        chance.choices(_COUNTRIES, _WEIGHTS)[0],
        segment,
        chance.random() < 0.3,
        born.isoformat() if segment == "private" and chance.random() < 0.7 else None,
        chance.randrange(10, 500) * 100 / 4 if segment != "private" else None,
        json.dumps(preferences) if chance.random() < 0.8 else None,
        chance.choice(_NOTES) if chance.random() < 0.1 else None,
        _moment(chance),
    )


def _product(chance: Random, number: int) -> Row:
    name = f"{chance.choice(_KINDS)} {chance.choice(_THINGS)}"
    category = chance.choice(_CATEGORIES)
    released = date(2018, 1, 1) + timedelta(days=chance.randrange(7 * 365))
    return (
        number,
        f"{category[:3].upper()}-{number:05d}",
        name,
        category,
        chance.randrange(199, 29_999) / 100,
        round(chance.uniform(0.05, 25), 3) if chance.random() < 0.9 else None,
        json.dumps(sorted(chance.sample(("new", "sale", "eco", "gift", "fragile"), chance.randrange(4)))),
        chance.random() < 0.08,
        released.isoformat() if chance.random() < 0.95 else None,
    )


def _items(chance: Random, order: int, products: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for position in range(1, chance.randint(1, MAX_ITEMS) + 1):
        product = chance.choice(products)
        discount = chance.choice((0.05, 0.1, 0.25)) if chance.random() < 0.15 else None
        rows.append((order, position, product[0], chance.choice((1, 1, 1, 2, 3, 10)), product[4], discount))
    return rows


def _order(chance: Random, number: int, items: list[Row], customers: list[Row]) -> Row:
    customer = customers[int(chance.triangular(0, CUSTOMERS, 0))]
    status = chance.choices(_STATUSES, (8, 12, 70, 4, 6))[0]
    placed = _EPOCH + timedelta(minutes=int(_MINUTES * number / ORDERS), seconds=chance.randrange(60))
    shipped = placed + timedelta(hours=chance.randrange(4, 120))
    country = str(customer[3])
    shipping = {"method": chance.choice(["post", "courier", "pickup"]), "address": {"country": country}}
    return (
        number,
        customer[0],
        status,
        round(sum(_amount(*row[3:]) for row in items), 2),
        _CURRENCY.get(country, "EUR"),
        json.dumps(shipping) if status != "cancelled" else None,
        "please wrap as a gift 🎁" if chance.random() < 0.05 else None,
        _written(placed),
        _written(shipped) if status in {"shipped", "returned"} else None,
    )


def _amount(quantity: object, price: object, discount: object) -> float:
    assert isinstance(quantity, int)
    assert isinstance(price, float)
    return quantity * price * (1 - (discount if isinstance(discount, float) else 0))


def _moment(chance: Random) -> str:
    return _written(_EPOCH + timedelta(minutes=chance.randrange(_MINUTES)))


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")
