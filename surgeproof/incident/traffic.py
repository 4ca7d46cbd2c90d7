"""Counts a load balancer's access logs for a bundle: minutes, and clients that are alike.

Addresses of clients are personal data, and a bundle is kept and passed around. So none is kept:
of each client the first and last minute with a request count, and the first and last minute in
which it was hurt; clients in whom these agree are one row. A client that comes back after hours
counts as there all along.

A client address stands for a user. Offices and carriers share one address (fewer clients than
users), and one person may have several (more clients).
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from surgeproof.incident.evidence import stamp

STEP_SECONDS: Final = 10
"""Steps in which requests are counted within a minute (seconds)."""

_Integers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]

_MINUTE: Final = 60_000_000
_OPEN_MINUTES: Final = 45
"""How many minutes may still get lines: files come from several nodes, each of five minutes."""


class Traffic:
    """Requests as they are read, in about the order of time."""

    def __init__(self) -> None:
        self._open: dict[int, _Minute] = {}
        self._closed: dict[int, _Minute] = {}
        # Per client: first and last minute, first and last minute hurt (-1: never).
        self._clients: dict[Hashable, list[int]] = {}

    def add(
        self, arrived: _Integers, clients: Sequence[Hashable], failed: _Flags, slow: _Flags
    ) -> None:
        """Count requests.

        Args:
            arrived: When the load balancer received each (Unix time, microseconds).
            clients: Who sent it.
            failed: Whether it got no answer of the application, or a server error.
            slow: Whether its answer was late.

        """
        minutes = arrived // _MINUTE
        hurt = failed | slow
        for minute in np.unique(minutes).tolist():
            mine = np.flatnonzero(minutes == minute)
            found = self._open.get(minute) or self._opened(minute)
            found.requests += mine.size
            found.failed += int(np.count_nonzero(failed[mine]))
            found.slow += int(np.count_nonzero(slow[mine] & ~failed[mine]))
            steps = arrived[mine] % _MINUTE // (STEP_SECONDS * 1_000_000)
            found.steps += np.bincount(steps, minlength=found.steps.size)
            found.clients.update(clients if mine.size == len(clients) else
                                 [clients[at] for at in mine.tolist()])  # fmt: skip
            found.hurt.update([clients[at] for at in mine[hurt[mine]].tolist()])

    def _opened(self, minute: int) -> "_Minute":
        for old in [each for each in self._open if each < minute - _OPEN_MINUTES]:
            self._close(old)
        self._open[minute] = _Minute()
        return self._open[minute]

    def _close(self, minute: int) -> None:
        """Count a minute's clients and forget them: lines that come later count anew."""
        now = self._open.pop(minute)
        known = self._clients
        for client in now.clients:
            seen = known.get(client)
            if seen is None:
                known[client] = [minute, minute, -1, -1]
            elif minute > seen[1]:
                seen[1] = minute
            elif minute < seen[0]:
                seen[0] = minute
        for client in now.hurt:
            seen = known[client]
            if seen[2] < 0 or minute < seen[2]:
                seen[2] = minute
            seen[3] = max(seen[3], minute)
        now.count()
        if was := self._closed.get(minute):
            now.merge(was)
        self._closed[minute] = now

    def minutes(self) -> Iterator[Mapping[str, Any]]:
        """Yield the minutes in order, in the shape of `evidence.Minute`."""
        self._settle()
        for minute, each in sorted(self._closed.items()):
            yield {
                "Begin": _stamp(minute),
                "Requests": each.requests,
                "Failed": each.failed,
                "Slow": each.slow,
                "Clients": each.clients_counted,
                "HurtClients": each.hurt_counted,
                "Steps": each.steps.tolist(),
            }

    def _settle(self) -> None:
        for minute in sorted(self._open):
            self._close(minute)

    def clients(self) -> Iterator[Mapping[str, Any]]:
        """Yield clients that are alike, in the shape of `evidence.Clients`."""
        self._settle()
        alike: dict[tuple[int, ...], int] = {}
        for seen in self._clients.values():
            key = tuple(seen)
            alike[key] = alike.get(key, 0) + 1
        for (first, last, first_hurt, last_hurt), count in sorted(alike.items()):
            hurt = first_hurt >= 0
            yield {
                "First": _stamp(first),
                "Last": _stamp(last),
                "FirstHurt": _stamp(first_hurt) if hurt else None,
                "LastHurt": _stamp(last_hurt) if hurt else None,
                "Clients": count,
            }


class _Minute:
    """What is counted of a minute."""

    def __init__(self) -> None:
        self.requests = self.failed = self.slow = 0
        self.steps: _Integers = np.zeros(60 // STEP_SECONDS, np.int64)
        self.clients: set[Hashable] = set()
        self.hurt: set[Hashable] = set()
        self.clients_counted = self.hurt_counted = 0

    def count(self) -> None:
        """Keep how many clients there were, in place of who."""
        self.clients_counted, self.hurt_counted = len(self.clients), len(self.hurt)
        self.clients, self.hurt = set(), set()

    def merge(self, other: "_Minute") -> None:
        """Add what was counted before of the same minute."""
        self.requests += other.requests
        self.failed += other.failed
        self.slow += other.slow
        self.steps = self.steps + other.steps
        self.clients_counted += other.clients_counted
        self.hurt_counted += other.hurt_counted


def _stamp(minute: int) -> str:
    return stamp(datetime.fromtimestamp(60 * minute, UTC))
