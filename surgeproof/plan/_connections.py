"""How many connections a database takes where no parameter group says it: its class's default.

RDS for PostgreSQL and Aurora PostgreSQL: LEAST(DBInstanceClassMemory / 9531392, 5000); RDS for
MySQL and MariaDB: DBInstanceClassMemory / 12582880
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections).
That memory is what the operating system leaves of the class's; how much it takes is not stated.
Aurora MySQL has a table
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Managing.Performance.html).
"""

import re
from typing import Final

from surgeproof.plan._instances import memory_gib

_BYTES_EACH: Final = {
    "postgres": 9_531_392,
    "aurora-postgresql": 9_531_392,
    "mysql": 12_582_880,
    "mariadb": 12_582_880,
}
"""Bytes of memory for each connection."""

_MOST: Final = {"postgres": 5000, "aurora-postgresql": 5000}
"""Largest default."""

_LEFT: Final = ((2.0, 0.85), (0.0, 0.7))
"""Memory from which at least this share of it is left to the database (GiB, share). Reported are
198 connections of PostgreSQL in 2 GiB (88 %), 413 in 4 GiB (92 %) and 856 in 8 GiB (95 %):
https://gist.github.com/guizmaii/1cacffef793c2ba9645083c3e18b3d8c."""

_AURORA_MYSQL: Final = {
    "t.small": 45,
    "t.medium": 90,
    "t.large": 135,
    "r.large": 1000,
    "r.xlarge": 2000,
    "r.2xlarge": 3000,
    "r.4xlarge": 4000,
    "r.8xlarge": 5000,
    "r.12xlarge": 6000,
    "r.16xlarge": 6000,
    "r.24xlarge": 7000,
}


def is_default(value: str) -> bool:
    """Return whether a parameter's value is the default's formula, as RDS tells it."""
    text = value.replace(" ", "")
    return any(f"{{DBInstanceClassMemory/{each}}}" in text for each in _BYTES_EACH.values())


def default_connections(engine: str, instance_class: str) -> tuple[int, int] | None:
    """Return between which numbers the default lies, None where the documentation gives none."""
    if engine == "aurora-mysql":
        name = re.fullmatch(r"db\.([rt])[0-9a-z]*\.([0-9a-z]+)", instance_class)
        stated = _AURORA_MYSQL.get(f"{name[1]}.{name[2]}") if name else None
        return None if stated is None else (stated, stated)
    memory, each = memory_gib(instance_class), _BYTES_EACH.get(engine)
    if memory is None or each is None:
        return None
    most = _MOST.get(engine, 1 << 30)
    whole = memory * 2**30 / each
    left = next(share for least, share in _LEFT if memory >= least)
    return min(int(left * whole), most), min(int(whole), most)
