"""What the simulation leaves out of a plan, collected while the plan is read."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class LeftOut:
    """One sentence each, in the order in which they were met."""

    limitations: list[str] = field(default_factory=list)
    of_supply: list[str] = field(default_factory=list)
    """Those that decide how the group scales; see `NotSeen.supply`."""

    def add(self, what: str, *, supply: bool = False) -> None:
        """Note what has no model; `supply` where it decides how the group scales."""
        self.limitations.append(what)
        if supply:
            self.of_supply.append(what)
