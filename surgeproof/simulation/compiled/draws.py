"""Chance in the kernel: numbers that belong to a place and a moment, not to a sequence.

Not a generator with a state: so a draw does not depend on how many others came before it, and runs
with another step, or in another thread, draw the same.
"""

import math

import numpy as np

from surgeproof.simulation.compiled._compile import compiled

MIX_A = np.uint64(0x9E3779B97F4A7C15)
MIX_B = np.uint64(0xBF58476D1CE4E5B9)
MIX_C = np.uint64(0x94D049BB133111EB)
"""The odd factors of splitmix64."""

BOOT_STREAM = 1
ARRIVAL_STREAM = 3
PHASE_STREAM = 4
SPEED_STREAM = 5
MINUTE_STREAM = 6
POOLED_STREAM = 7
"""Streams that the whole fleet shares; a draw's number says which instance or second it is of."""

CHECK_STREAM = 1 << 20
WORK_STREAM = 1 << 21
"""First streams of health checks and of the work done, one stream an instance."""


MANY = 50.0
"""Mean from which a count is drawn from the normal distribution."""


@compiled
def mixed(seed: int, stream: int, number: int) -> np.uint64:
    """Return 64 bits that belong to the `number`-th draw of a stream (splitmix64)."""
    z = np.uint64(seed) * MIX_A + np.uint64(stream) * MIX_B + np.uint64(number) * MIX_C
    z = (z ^ (z >> np.uint64(30))) * MIX_B
    z = (z ^ (z >> np.uint64(27))) * MIX_C
    return z ^ (z >> np.uint64(31))


@compiled
def chance(seed: int, stream: int, number: int) -> float:
    """Return a number from 0 to 1, evenly spread."""
    return float(mixed(seed, stream, number) >> np.uint64(11)) * 1.1102230246251565e-16


@compiled
def normal(seed: int, stream: int, number: int) -> float:
    """Return a number with mean 0 and variance 1, normal (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - chance(seed, stream, 2 * number)))
    return radius * math.cos(6.283185307179586 * chance(seed, stream, 2 * number + 1))


@compiled
def walk(seed: int, stream: int, first: int, seconds: int) -> float:
    """Return how far a random walk with variance 1 a second gets from the second `first` on.

    Each second's part is the sum of four evenly spread numbers, which is as good as normal after a
    few. So a walk is the same in steps of any length.
    """
    total = 0.0
    for number in range(first, first + seconds):
        z = mixed(seed, stream, number)
        parts = (
            (z & np.uint64(0xFFFF))
            + (z >> np.uint64(16) & np.uint64(0xFFFF))
            + (z >> np.uint64(32) & np.uint64(0xFFFF))
            + (z >> np.uint64(48))
        )
        total += float(parts) / 65535.0 - 2.0
    return 1.7320508075688772 * total


@compiled
def counted(seed: int, stream: int, number: int, mean: float) -> float:
    """Return how many there are of what is rare and comes by chance, `mean` on average (Poisson).

    From `MANY` on the number is normal, which is as good, and not whole.
    """
    if mean >= MANY:
        return max(mean + math.sqrt(mean) * normal(seed, stream, number), 0.0)
    left = chance(seed, stream, 2 * number)
    part = math.exp(-mean)
    count = 0.0
    while left > part and count < 4.0 * MANY:
        left -= part
        count += 1.0
        part *= mean / count
    return count
