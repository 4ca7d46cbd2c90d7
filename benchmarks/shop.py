"""A shop's database of a million orders, as it should be and with faults, and traffic for both.

Both hold the same rows. The faulty one lacks an index, has two needless ones, and is asked in four
ways that a review has to notice.
"""

from collections.abc import Iterator
from typing import Final, LiteralString

import psycopg

from benchmarks.postgres import Server

ORDERS: Final = 1_000_000
CUSTOMERS: Final = 20_000
PRODUCTS: Final = 1_000

CLEAN: Final = "shop"
FAULTY: Final = "shop_with_faults"

_ROWS: Final[LiteralString] = """
SET maintenance_work_mem = '256MB';
CREATE TABLE customers AS SELECT n AS id, 'user' || n || '@example.com' AS email,
    'city' || n % 500 AS city FROM generate_series(1, {customers}) n;
CREATE TABLE products AS SELECT n AS id, 'product ' || n AS name, n % 90 + 1 AS price
    FROM generate_series(1, {products}) n;
CREATE TABLE orders AS SELECT n::bigint AS id, n * 7919::bigint % {customers} + 1 AS customer_id,
    n % {products} + 1 AS product_id, 'R' || n AS reference,
    (n * 104729::bigint % 100000)::int AS total,
    '2026-01-01 00:00+00'::timestamptz + n * interval '10 seconds' AS created
    FROM generate_series(1, {orders}) n;
ALTER TABLE customers ADD PRIMARY KEY (id);
ALTER TABLE products ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;
ALTER TABLE orders ADD FOREIGN KEY (product_id) REFERENCES products;
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));
CREATE INDEX orders_customer_id_created_idx ON orders (customer_id, created);
CREATE INDEX orders_product_id_idx ON orders (product_id);
CREATE INDEX orders_created_idx ON orders (created);
"""
"""Made from numbers alone, so that each run has the same rows."""

_FAULTS: Final[LiteralString] = """
SET maintenance_work_mem = '256MB';
DROP INDEX orders_customer_id_created_idx;
CREATE INDEX orders_created_id_idx ON orders (created, id);
CREATE INDEX orders_reference_idx ON orders (reference);
"""

OF_CUSTOMER: Final[LiteralString] = (
    "SELECT id, total FROM orders WHERE customer_id = %s ORDER BY created DESC LIMIT 20"
)
"""What the index of the clean database is for; the faulty one reads all orders for it."""

_PAGE: Final[LiteralString] = (
    "SELECT id, product_id FROM orders WHERE created >= %s ORDER BY created LIMIT 20"
)
_PAGE_JOINED: Final[LiteralString] = (
    "SELECT o.id, p.name, p.price FROM orders o JOIN products p ON p.id = o.product_id "
    "WHERE o.created >= %s ORDER BY o.created LIMIT 20"
)
_PRODUCT: Final[LiteralString] = "SELECT name, price FROM products WHERE id = %s"
LOGIN: Final[LiteralString] = "SELECT id, city FROM customers WHERE lower(email) = lower(%s)"
_BY_REFERENCE: Final[LiteralString] = "SELECT id FROM orders WHERE reference LIKE %s"
_OF_PRODUCT: Final[LiteralString] = "SELECT count(*) FROM orders WHERE product_id = %s"
EXPORT: Final[LiteralString] = (
    "SELECT id, reference, total FROM orders WHERE id > %s ORDER BY total DESC, reference "
    "OFFSET 99900"
)
_CHANGE: Final[LiteralString] = "UPDATE orders SET total = total + %s WHERE id = %s"
_DAY: Final[LiteralString] = "2026-03-01 00:00+00"


def make(server: Server, *, orders: int = ORDERS) -> None:
    """Create both databases on a server, with statistics, and begin to count."""
    numbers = {"{orders}": orders, "{customers}": CUSTOMERS, "{products}": PRODUCTS}
    rows: LiteralString = _ROWS
    for name, number in numbers.items():
        rows = rows.replace(name, str(number))
    with server.connect() as control:
        control.execute(f"CREATE DATABASE {CLEAN}")
        with server.connect(CLEAN) as shop:
            shop.execute("CREATE EXTENSION pg_stat_statements")
            shop.execute(rows)
            shop.execute("VACUUM ANALYZE")
        control.execute(
            f"CREATE DATABASE {FAULTY} TEMPLATE {CLEAN}"
            + (" STRATEGY file_copy" if control.info.server_version >= 150_000 else "")
        )
        with server.connect(FAULTY) as shop:
            shop.execute(_FAULTS)
        for name in (CLEAN, FAULTY):
            with server.connect(name) as shop:
                shop.execute("SELECT pg_stat_reset(), pg_stat_statements_reset()")


def traffic(shop: psycopg.Connection, *, faulty: bool) -> None:
    """Send what a shop is asked: pages of orders, logins, changes; the faulty one in worse ways."""
    shop.prepare_threshold = None
    for number in range(10):
        shop.execute(_OF_PRODUCT, (1 + number,)).fetchone()
        shop.execute(OF_CUSTOMER, (1 + number * 37 % CUSTOMERS,)).fetchall()
    for number in range(300):
        shop.execute(LOGIN, (f"User{number + 1}@Example.com",)).fetchall()
        shop.execute(_CHANGE, (1, 1 + number * 3001)).rowcount  # noqa: B018
    for number in range(50):
        if not faulty:
            shop.execute(_PAGE_JOINED, (_DAY,)).fetchall()
            continue
        for _, product in shop.execute(_PAGE, (_DAY,)).fetchall():
            shop.execute(_PRODUCT, (product,)).fetchone()
        if number < 10:
            shop.execute(_BY_REFERENCE, (f"%{number}77777",)).fetchall()
            shop.execute(EXPORT, (ORDERS - 100_000,)).fetchall()


def queries(customers: range) -> Iterator[tuple[LiteralString, tuple[int]]]:
    """Yield the statement that lacks an index, for several customers."""
    for each in customers:
        yield OF_CUSTOMER, (each,)
