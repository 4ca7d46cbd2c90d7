"""How many requests single clients send, by a load balancer's access logs.

It is what the limit of a web ACL's rate rule is chosen by: offices and carriers share addresses, so
the busiest of a thousand clients is no attack.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from surgeproof.traces.access_logs import MOST_BAD_PERCENT, Owners, _parsed
from surgeproof.traces.errors import RowCounter, TraceError
from surgeproof.traces.log_files import LogFile, chosen, find, whole_lines

WINDOWS_SECONDS: Final = (60, 120, 300, 600)
"""Windows that a rate rule can look back over (wafv2 RateBasedStatement)."""

_LATE_SECONDS: Final = 1800
"""How long a window may still get lines: files of 5 minutes come from several nodes, in the order
of their ends, and a line bears the time at which its request arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRates:
    """The busiest window of each client, in order."""

    window_seconds: int
    busiest: tuple[int, ...]
    """Requests in a client's busiest window, the least first (requests)."""
    bad_rows: int
    """Lines that could not be read."""

    def percentile(self, percent: float) -> int:
        """Return what that share of clients does not exceed (requests)."""
        rank = math.ceil(round(percent / 100 * len(self.busiest), 9))
        return self.busiest[max(rank, 1) - 1]


def read_client_rates(
    source: str | Path,
    *,
    window_seconds: int = 300,
    load_balancer: str | None = None,
    s3: Any = None,
    most_bad_percent: float = MOST_BAD_PERCENT,
    progress: Callable[[str], None] = lambda _: None,
) -> ClientRates:
    """Count the requests of each client address in windows of the clock.

    `source`, `load_balancer`, `s3` and `most_bad_percent` are those of `read_access_logs`. A window
    of the clock may cut a burst in two, so that the rule, which looks back from each moment, sees
    up to twice of what is counted here.

    Memory grows with the number of clients, and with that of the clients of half an hour.
    """
    if window_seconds not in WINDOWS_SECONDS:
        listed = ", ".join(map(str, WINDOWS_SECONDS))
        raise TraceError("window_seconds", f"be one of {listed}", window_seconds)
    text = str(source)
    files, _ = chosen(find(text, s3), text, load_balancer)
    counter = RowCounter(text, most_bad_percent)
    owners = Owners(text, load_balancer)
    busiest: Counter[bytes] = Counter()
    windows: dict[int, Counter[bytes]] = {}

    def settle(before: int) -> None:
        for window in [each for each in windows if each < before]:
            for client, requests in windows.pop(window).items():
                busiest[client] = max(busiest[client], requests)

    for number, file in enumerate(sorted(files, key=lambda each: each.name), 1):
        for place, line in _lines(file, counter):
            counter.rows += 1
            parsed = _parsed(line)
            if isinstance(parsed, str):
                counter.note(place, parsed, line)
                continue
            time, owner = parsed
            if not owners.count(owner, 1):
                continue
            window = time // (window_seconds * 1_000_000)
            windows.setdefault(window, Counter())[line.split(b" ", 4)[3].rpartition(b":")[0]] += 1
        settle(max(windows, default=0) - _LATE_SECONDS // window_seconds)
        progress(f"read {file.place} ({number:,} of {len(files):,})")
    settle(max(windows, default=0) + 1)
    counter.check()
    owners.check()
    return ClientRates(
        window_seconds=window_seconds,
        busiest=tuple(sorted(busiest.values())),
        bad_rows=counter.bad,
    )


def _lines(file: LogFile, counter: RowCounter) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of a file that are not empty, with their places."""
    for first, whole in whole_lines(file, counter):
        for number, line in enumerate(whole.split(b"\n"), first):
            if line.strip():
                yield f"{file.place}:{number}", line
