"""What the name of an instance type says about its size."""

import re
from typing import Final

_TYPE: Final = re.compile(r"(?:db\.)?(?P<family>[a-z][a-z0-9-]*)\.(?P<size>[a-z0-9-]+)")
_TIMES: Final = re.compile(r"(?:metal-)?(\d+)xl(?:arge)?")
_SMALL: Final = {"nano": 2, "micro": 2, "small": 2, "large": 2, "xlarge": 4}
_OWN: Final = frozenset(
    {"t1", "t2", "m1", "m2", "m3", "c1", "c4", "cc2", "cr1", "d2", "hs1", "p2", "hi1"}
)
"""Families whose sizes are older than the rule, or keep it for some sizes only."""


def vcpus(instance_type: str) -> float | None:
    """Return an instance type's vCPU by AWS's naming, or None where the name does not tell.

    A `medium` has one (two where it is burstable), a `large` two, an `xlarge` four, and `Nxlarge`
    four times N. Left out are old families, HPC families, which count cores, and bare metal without
    a size.
    """
    match = _TYPE.fullmatch(instance_type)
    if match is None or match["family"] in _OWN or match["family"].startswith(("hpc", "mac", "u-")):
        return None
    size = match["size"]
    if size == "medium":
        return 2 if match["family"].startswith("t") else 1
    if size in _SMALL:
        return _SMALL[size]
    times = _TIMES.fullmatch(size)
    return 4 * float(times[1]) if times else None


_MEMORY_EACH: Final = {"c": 2.0, "m": 4.0, "r": 8.0}
"""Memory of one vCPU by the family's letter (GiB)."""
_LESS: Final = frozenset({"r3", "r4", "m3"})
"""Families with somewhat less than that."""
_BURSTABLE: Final = {
    "micro": 1.0,
    "small": 2.0,
    "medium": 4.0,
    "large": 8.0,
    "xlarge": 16.0,
    "2xlarge": 32.0,
}
"""Memory of a burstable type by its size (GiB)."""


def memory_gib(instance_type: str) -> float | None:
    """Return an instance type's memory by AWS's naming (GiB), None where the name does not tell.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
    """
    match = _TYPE.fullmatch(instance_type)
    if match is None:
        return None
    family, size = match["family"], match["size"]
    if re.fullmatch(r"t[234]g?", family):
        return _BURSTABLE.get(size)
    cores, each = vcpus(instance_type), _MEMORY_EACH.get(family[0])
    # `r7g`, `m6idn`: one letter, the generation, and what the processor or the disk is.
    plain = re.fullmatch(r"[cmr]\d[a-z]*", family)
    return cores * each if cores and each and plain and family not in _LESS else None
