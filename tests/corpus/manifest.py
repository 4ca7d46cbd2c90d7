"""What each stack is, and the faults that its author planted in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from tests.corpus.build import Stack
from tests.corpus.kinds import KINDS

SEED = 20250304


@dataclass(frozen=True)
class Fault:
    """A fault of one property of one resource.

    Attributes:
        resource: Name of the resource.
        at: Path of the property, as pulumi-aws names it.
        kind: One of KINDS.
        also: Names of resources at which the fault may as well be reported.
        overlooked: The author did not plant it; a finding named it, and it is true.

    """

    resource: str
    at: str
    kind: str
    also: tuple[str, ...] = ()
    overlooked: bool = False


@dataclass(frozen=True)
class Manifest:
    """One stack of the corpus.

    Attributes:
        name: Name of the stack's project.
        what: What the service is.
        after: Public code or documentation whose shape it has.
        scaler: Who sets the size of its group.
        form: Whether it is a state, a plan that creates all, or a plan of a change.
        faults: What is wrong in it; none is planted where a good engineer would stop nothing.
        make: Builds it; for a plan of a change returns the changes.
        held_out: Kept back: rules are not to be made after it.

    """

    name: str
    what: str
    after: str
    scaler: str
    form: Literal["state", "create", "change"]
    faults: tuple[Fault, ...]
    make: Callable[[Stack], dict[str, Any] | None]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def planted(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if not fault.overlooked)

    @property
    def held_out(self) -> bool:
        return self.name in HELD_OUT

    def document(self) -> dict[str, Any]:
        """Return the state or plan, as Pulumi writes it."""
        stack = Stack(self.name, **self.options)
        changes = self.make(stack)
        if self.form == "state":
            return stack.export()
        return stack.preview(changes if self.form == "change" else None)


CORPUS: dict[str, Manifest] = {}
_HELD_TO_SIZE = {
    "api-change": ("rates",),
    "archive": ("archive",),
    "booking": ("booking", "booking-eu"),
    "campaign": ("land",),
    "cart": ("cart",),
    "cost-cut": ("mall",),
    "entrance": ("rooms",),
    "forum": ("forum", "wiki"),
    "guest": ("guest",),
    "ledger": ("books",),
    "lobby": ("lobby",),
    "lost-messages": ("mail",),
    "monolith": ("shop",),
    "narrow-network": ("quiz",),
    "news-steps": ("news",),
    "payments": ("pay",),
    "scores": ("scores",),
    "search": ("search",),
    "sessions": ("members",),
    "silent-alarms": ("api",),
    "thumbnails": ("thumbs",),
    "tug-of-war": ("auction",),
    "worker-pool": ("pool",),
}
"""Groups that something scales, and whose `desiredCapacity` the program sets all the same."""
OVERLOOKED: dict[str, tuple[Fault, ...]] = {
    name: tuple(
        Fault(f"{group}@autoscaling.Group", "desiredCapacity", "size-reset", overlooked=True)
        for group in groups
    )
    for name, groups in _HELD_TO_SIZE.items()
} | {
    "failover": (
        Fault("api-eu-central-1-https", "certificateArn", "another-region", overlooked=True),
    ),
    "identity": (Fault("idp-https", "certificateArn", "another-region", overlooked=True),),
    "image-workers": (
        Fault(
            "workers@autoscaling.Group",
            "enabledMetrics",
            "metric-not-collected",
            ("backlog",),
            overlooked=True,
        ),
    ),
}
"""Faults of which the author knew nothing until a finding named them, by stack."""


def stack(
    name: str,
    what: str,
    *,
    after: str,
    scaler: str,
    faults: tuple[Fault, ...] = (),
    form: Literal["state", "create", "change"] = "state",
    **options: Any,
) -> Callable[[Callable[[Stack], Any]], Callable[[Stack], Any]]:
    """Enter a stack into the corpus."""

    def enter(make: Callable[[Stack], Any]) -> Callable[[Stack], Any]:
        if name in CORPUS:
            raise ValueError(f"{name}: is there twice")
        for fault in faults:
            if fault.kind not in KINDS:
                raise ValueError(f"{name}: {fault.kind}: must be one of KINDS")
        named = faults + OVERLOOKED.get(name, ())
        CORPUS[name] = Manifest(name, what, after, scaler, form, named, make, options)
        return make

    return enter


def draw(names: Mapping[str, bool]) -> frozenset[str]:
    """Draw a third of the stacks with planted faults and a third of those without.

    Args:
        names: Whether a stack has planted faults, by name.

    """
    found: set[str] = set()
    for faulty in (True, False):
        pool = sorted(name for name, has in names.items() if has is faulty)
        found |= set(Random(SEED).sample(pool, round(len(pool) / 3)))  # noqa: S311
    return frozenset(found)


HELD_OUT = frozenset(
    {
        *("api-change", "attached-apart", "campaign", "cart"),
        *("checkout-fleet", "composite", "cost-cut", "courseware"),
        *("guest", "hackathon", "magazine", "narrow-network"),
        *("publishing", "thumbnails", "ticket-sale", "tools-eks"),
        *("two-regions", "worker-pool"),
    }
)
"""What `draw` gave when the corpus was complete; later stacks are in use."""
