"""The words of the questions: one definition of each option, hint and reason."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, Self

from surgeproof.exercise.scenes import What


class Hurt(Enum):
    """How many of the clients are hurt."""

    FEW = 0.02
    SOME = 0.5
    MOST = 1.0

    @classmethod
    def of(cls, share: float) -> Self:
        """Return the band of a share (0 to 1); each band ends below its value."""
        return next((each for each in cls if share < each.value), cls.MOST)


class Ending(Enum):
    """Whether it ends by itself."""

    NOTHING = 0
    GOES_ON = 1
    KEEPS_ITSELF = 2
    OVER = 3


TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "runbook": "Which runbook page do you open: that of the alarm that paged first?",
        "hurt": "How many of the clients of the last whole minute were hurt?",
        "what": "What is it?",
        "evidence": "Which evidence says so?",
        "first": "What do you do first?",
        "ending": "Does it end by itself?",
    }
)
"""The questions."""

HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "runbook": "An alarm's name is the group's name, the runbook page's name and a severity.",
        "hurt": "Divide the last numbers of two charts: clients hurt by clients.",
        "what": "Ask in this order. Is anybody hurt? Did the number of clients rise, or only the "
        "requests of each? What changed in the minute in which it began?",
        "evidence": "Choose the sentence that you can check on this page, and that would be false "
        "for the other causes.",
        "first": "Choose what takes away the cause that you named, is quick, and can be undone.",
        "ending": "Find what began it, and look whether it is still there in the last minutes.",
    }
)
"""What each hint says; the same for every scene, so that it gives nothing away."""

NO_PAGE: Final = "none: no alarm of the group has paged"
"""Option of the first question where nobody was paged."""

HURT: Final[Mapping[Hurt, str]] = MappingProxyType(
    {
        Hurt.FEW: "None, or fewer than 2 of 100",
        Hurt.SOME: "At least 2 of 100, and fewer than half",
        Hurt.MOST: "Half or more",
    }
)

NAMES: Final[Mapping[What, str]] = MappingProxyType(
    {
        What.SURGE: "More people came than the running instances can serve.",
        What.BAD_DEPLOYMENT: "A new version of the application serves less than the one before.",
        What.SLOW_DATABASE: "The database answers late, and the requests wait for it.",
        What.ZONE_LOST: "One Availability Zone failed and took its instances with it.",
        What.RETRY_STORM: "Clients repeat what failed, and that keeps the service down.",
        What.METRICS_LATE: "The group could grow, but its alarms do not see the demand in time.",
        What.QUIET: "Nothing is wrong: the service does what it should.",
    }
)

EVIDENCE: Final[Mapping[What, str]] = MappingProxyType(
    {
        What.SURGE: "The number of clients rose first, and failures followed within minutes.",
        What.BAD_DEPLOYMENT: "An instance refresh began just before, and clients did not rise.",
        What.SLOW_DATABASE: "Read latency is many times the usual since the minute it began, and "
        "clients did not rise.",
        What.ZONE_LOST: "EC2's own health check ended instances of one zone, all at once.",
        What.RETRY_STORM: "Each client sends several times as many requests as before, and the "
        "database is as fast as ever again.",
        What.METRICS_LATE: "The newest points of the metrics are many minutes old, while the "
        "access logs show the rise.",
        What.QUIET: "Failures and response times are as they were, whatever else has changed.",
    }
)

FIRST: Final[Mapping[What, str]] = MappingProxyType(
    {
        What.SURGE: "Add instances: raise the group's minimum, and its maximum if it is reached.",
        What.BAD_DEPLOYMENT: "Roll the group back to the version before.",
        What.SLOW_DATABASE: "See which queries run and wait in the database, and stop the worst.",
        What.ZONE_LOST: "Start the missing instances in the other zones, of another type if need "
        "be.",
        What.RETRY_STORM: "Turn a part of the requests away until the queues are empty.",
        What.METRICS_LATE: "Set the wanted size by hand, by what the access logs show.",
        What.QUIET: "Change nothing; go on watching, and note what you saw.",
    }
)

WHY_FIRST: Final[Mapping[What, str]] = MappingProxyType(
    {
        What.SURGE: "Only instances carry more requests. Instances that start at once cost little "
        "if you were wrong. `surgeproof runbook run surge-response` does it.",
        What.BAD_DEPLOYMENT: "Each instance of the new version serves less, so more of them help "
        "little; the version before is known to serve. `surgeproof runbook run roll-back` does it.",
        What.SLOW_DATABASE: "Requests wait for the database; more instances only open more "
        "connections to it.",
        What.ZONE_LOST: "The other zones have to carry what the lost one did; waiting for it is no "
        "plan.",
        What.RETRY_STORM: "The failure that began it is over. What is turned away quickly frees "
        "the queue for what can be answered. `surgeproof runbook run surge-mode-on` does it.",
        What.METRICS_LATE: "Policies act on what alarms see, and those see the past. People who "
        "read the access logs see the present.",
        What.QUIET: "Nobody is hurt. Each change is a risk, and hides what was there to see.",
    }
)

SIGNS: Final[Mapping[What, str]] = MappingProxyType(
    {
        What.SURGE: "If it were that, many more clients a minute would come than at first.",
        What.BAD_DEPLOYMENT: "If it were that, an instance refresh would have begun just before, "
        "with as many clients as at first.",
        What.SLOW_DATABASE: "If it were that, the read latency would still be many times that at "
        "first.",
        What.ZONE_LOST: "If it were that, EC2's own health check would have ended instances of one "
        "zone.",
        What.RETRY_STORM: "If it were that, each client would send several times as many requests "
        "as at first, after a failure that is over.",
        What.METRICS_LATE: "If it were that, the newest points of the metrics would be many "
        "minutes old.",
        What.QUIET: "If it were that, next to no client would be hurt.",
    }
)
"""What the page would show if a cause that was chosen wrongly were right."""

MISLEADING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Compare the network's configuration with that of last week.": "Nothing on the page points "
        "at the network; meanwhile nobody is helped.",
        "Read the logs of a server from the beginning.": "A server's log shows what fails, and not "
        "why there is too much of it; meanwhile nobody is helped.",
        "Restart all instances at once.": "While they start, none of them serves anybody.",
    }
)
"""First steps that help with none of the scenes, and why; the first two cost time in the outage."""

ENDING: Final[Mapping[Ending, str]] = MappingProxyType(
    {
        Ending.NOTHING: "There is nothing to end: nobody is hurt.",
        Ending.GOES_ON: "No: what began it still goes on.",
        Ending.KEEPS_ITSELF: "No: what began it is over, and yet it goes on.",
        Ending.OVER: "It has ended: what began it is over, and users are well served again.",
    }
)
