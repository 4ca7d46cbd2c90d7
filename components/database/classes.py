"""What AWS's classes of databases have: processors, memory, and the connections that follow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GIB: Final = 2**30

_GIB_PER_VCPU: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        [
            "m4",
            "m5",
            "m5d",
            "m6g",
            "m6gd",
            "m6i",
            "m6id",
            "m6idn",
            "m6in",
            "m7g",
            "m7i",
            "m8g",
            "m8gd",
        ],
        4,
    ),
    **dict.fromkeys(
        [
            "r5",
            "r5b",
            "r5d",
            "r6g",
            "r6gd",
            "r6i",
            "r6id",
            "r6idn",
            "r6in",
            "r7g",
            "r7i",
            "r8g",
            "r8gd",
        ],
        8,
    ),
    "x2g": 16,
    "x2idn": 16,
    "x2iedn": 32,
}
"""Memory of a vCPU by family of database class
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html)."""

_BURSTABLE: Final[Mapping[str, tuple[int, float]]] = {
    "micro": (2, 1),
    "small": (2, 2),
    "medium": (2, 4),
    "large": (2, 8),
    "xlarge": (4, 16),
    "2xlarge": (8, 32),
}
"""vCPU and GiB of db.t3 and db.t4g by size (same page)."""

_CLASS: Final = re.compile(r"db\.(?P<family>[a-z0-9]+)\.(?P<size>[a-z0-9]+)")

_SIZE: Final = re.compile(r"(?P<times>\d*)xlarge")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseClass:
    """What a class of database has."""

    vcpus: int
    memory_gib: float

    @property
    def max_connections(self) -> int:
        """AWS's default of PostgreSQL's `max_connections`.

        It is LEAST(DBInstanceClassMemory/9531392, 5000), with bytes
        (https://docs.aws.amazon.com/prescriptive-guidance/latest/tuning-postgresql-parameters/max-connections.html).
        DBInstanceClassMemory is a little less than the class's memory, by an amount that AWS does
        not state; so the number is set, and not left to the formula.
        """
        return min(int(self.memory_gib * GIB / 9_531_392), 5000)


def database_class(name: str) -> DatabaseClass | None:
    """Return what a class such as db.m7g.large has, or None for a family that is not known here."""
    match = _CLASS.fullmatch(name)
    if match is None:
        return None
    family, size = match["family"], match["size"]
    if family in ("t3", "t4g"):
        known = _BURSTABLE.get(size)
        return DatabaseClass(vcpus=known[0], memory_gib=known[1]) if known else None
    times = _SIZE.fullmatch(size)
    if family not in _GIB_PER_VCPU or (size != "large" and times is None):
        return None
    vcpus = 2 if times is None else 4 * int(times["times"] or 1)
    return DatabaseClass(vcpus=vcpus, memory_gib=vcpus * _GIB_PER_VCPU[family])
