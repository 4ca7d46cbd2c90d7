"""What a plan of EXPLAIN says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_LEADER_SHARE: Final = 0.3
"""Share of its time that a leader loses to each worker (PostgreSQL's get_parallel_divisor)."""

SORTING: Final = frozenset(
    {"Sort", "Incremental Sort", "Hash", "Aggregate", "Materialize", "WindowAgg", "SetOp"}
)
"""Nodes that write to temporary files what work_mem does not hold, beside scans of CTEs."""

_JOINS: Final = frozenset({"Hash Join", "Merge Join", "Nested Loop"})
_PASSING: Final = frozenset({"Gather", "Gather Merge", "Hash", "Materialize", "Memoize", "Sort"})
"""Nodes between a join and a scan that leave all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A table that is read from its first row to its last, in its own order or in an index's."""

    schema: str
    table: str
    alias: str
    rows: float
    """Rows that are left, as the planner estimates them, of all processes together."""
    cost: float
    """What the scan costs, in the planner's units."""
    condition: str
    """What rows are held against; empty where all are wanted."""
    index: str
    """The index in whose order it is read, with nothing looked up in it; empty without one."""
    joined_rows: float | None
    """Rows that the join above it leaves, as estimated; None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A statement's plan."""

    cost: float
    """What the whole statement costs, in the planner's units."""
    scans: tuple[Scan, ...]
    sorts: tuple[str, ...]
    """Nodes that hold rows in memory, in words: `Sort by total`."""
    indexes: frozenset[str]
    """Names of the indexes that it uses."""


def read_plan(top: Mapping[str, Any]) -> Plan:
    """Return what the top node of a plan, as EXPLAIN (FORMAT JSON, VERBOSE) has it, says."""
    nodes = list(_nodes(top, 1.0, None))
    return Plan(
        cost=float(top.get("Total Cost", 0)),
        scans=tuple(
            Scan(
                schema=str(node.get("Schema", "")),
                table=str(node.get("Relation Name", "")),
                alias=str(node.get("Alias", "")),
                rows=float(node.get("Plan Rows", 0)) * processes,
                cost=float(node.get("Total Cost", 0)),
                condition=str(node.get("Filter", "")),
                index=str(node.get("Index Name", "")),
                joined_rows=joined,
            )
            for node, processes, joined in nodes
            if node.get("Node Type") == "Seq Scan" or _passes_all(node)
        ),
        sorts=tuple(
            dict.fromkeys(_sort(node) for node, _, _ in nodes if node.get("Node Type") in SORTING)
        ),
        indexes=frozenset(str(node["Index Name"]) for node, _, _ in nodes if "Index Name" in node),
    )


def _nodes(
    node: Mapping[str, Any], processes: float, joined: float | None
) -> Iterator[tuple[Mapping[str, Any], float, float | None]]:
    """Yield the nodes; how many processes share their rows; what the join above leaves."""
    yield node, (processes if node.get("Parallel Aware") else 1.0), joined
    kind = node.get("Node Type")
    if kind in _JOINS:
        joined = float(node.get("Plan Rows", 0)) * processes
    elif kind not in _PASSING:
        joined = None
    if workers := node.get("Workers Planned"):
        processes = workers + max(0.0, 1.0 - _LEADER_SHARE * workers)
    for each in node.get("Plans", ()):
        yield from _nodes(each, processes, joined)


def _passes_all(node: Mapping[str, Any]) -> bool:
    """Whether an index gives all rows in its order, and each is held against a condition."""
    kinds = {"Index Scan", "Index Only Scan"}
    return node.get("Node Type") in kinds and "Index Cond" not in node and "Filter" in node


def _sort(node: Mapping[str, Any]) -> str:
    kind = str(node.get("Node Type"))
    keys = node.get("Sort Key") or node.get("Group Key") or ()
    if kind == "Aggregate":
        kind = {"Hashed": "HashAggregate"}.get(str(node.get("Strategy")), kind)
    return f"{kind} by {', '.join(map(str, keys))}" if keys else kind
