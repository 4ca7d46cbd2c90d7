"""The clock of the request-level simulation: a heap of events, and one queue for time-outs.

SimPy was tried first: with a process an attempt and a race against the time-out it handled 3,500
attempts/s in overload on the machine where this does 80,000 to 110,000, so that an incident of an
hour would have taken minutes. All client time-outs are equally long, hence
expire in the order in which they began: a plain queue beside the heap holds them at no cost.
"""

import random
from collections import deque
from heapq import heappop, heappush


def stream(seed, what):
    """Return random numbers for one use, so that uses do not disturb each other."""
    return random.Random(f"{seed}/{what}")  # noqa: S311 - nothing here is secret


class Clock:
    """Runs callbacks in the order of their times; equal times in the order of their making."""

    __slots__ = ("_events", "_expire", "_made", "_waits", "now")

    def __init__(self):
        self.now = 0.0
        self._events = []
        self._waits = deque()
        self._made = 0
        self._expire = None

    def at(self, when, call, argument=None):
        """Run `call(argument)` at `when` (seconds), which is not before now."""
        self._made += 1
        heappush(self._events, (max(self.now, when), self._made, call, argument))

    def every(self, start, period, call):
        """Run `call(time)` at `start` and then each `period` (seconds), for ever."""

        def again(when):
            self.at(when + period, again, when + period)
            call(when)

        self.at(start, again, start)

    def on_time_out(self, call):
        """Run `call(waiter)` for each waiter whose time-out has passed."""
        self._expire = call

    def time_out(self, when, waiter):
        """Tell `waiter` at `when`; each call names a time that is not before the last one's."""
        self._waits.append((when, waiter))

    def run(self, until):
        """Run all that happens up to `until` (seconds), and leave the clock there."""
        events, waits, expire = self._events, self._waits, self._expire
        while True:
            if waits and (not events or waits[0][0] <= events[0][0]):
                if waits[0][0] > until:
                    break
                self.now, waiter = waits.popleft()
                expire(waiter)
            elif events and events[0][0] <= until:
                self.now, _, call, argument = heappop(events)
                call(argument)
            else:
                break
        self.now = until
