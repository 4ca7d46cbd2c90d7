"""What may stand between the users and enough capacity: each limit once, with its words."""

from enum import StrEnum
from typing import Self


class Bottleneck(StrEnum):
    """A limit between the users and enough capacity."""

    letter: str
    """For charts without colour; each limit has its own."""
    short: str
    """What it is called."""
    meaning: str
    """What it is, in a few words behind its name."""
    broke: str
    """What was the case when it kept the users from enough capacity, as part of a sentence."""
    pattern: str
    """What its area is filled with in a picture: the inside of an SVG pattern of 8 x 8."""

    def __new__(  # noqa: D102 - as every enum's
        cls,
        name: str,
        letter: str = "",  # the defaults let a type checker pass Bottleneck(name)
        short: str = "",
        meaning: str = "",
        broke: str = "",
        pattern: str = "",
    ) -> Self:
        limit = str.__new__(cls, name)
        limit._value_ = name
        limit.letter, limit.short, limit.meaning = letter, short, meaning
        limit.broke, limit.pattern = broke, pattern
        return limit

    NONE = (
        "none",
        " ",
        "nothing",
        "none",
        "too many requests were bad",
        "",
    )
    SHED = (
        "shed",
        "S",
        "shed",
        "requests are turned away on purpose",
        "requests were turned away on purpose",
        '<path d="M0 4h4v4M4 0v4h4"/>',
    )
    RESTART = (
        "restart",
        "T",
        "restart",
        "a restart or an instance refresh takes instances out",
        "a restart or an instance refresh had taken instances out",
        '<path d="M0 4h8M4 4v4"/>',
    )
    UNEVEN_LOAD = (
        "uneven_load",
        "U",
        "uneven load",
        "some instances get more than their share",
        "some instances got more than their share",
        '<path d="M0 7h3v-3h3v-3h2"/>',
    )
    CAPACITY = (
        "capacity",
        "Z",
        "capacity",
        "a zone is lost, or EC2 has no instances",
        "a zone was lost, or EC2 had no instances",
        '<path class="filled" d="M0 0h8v8h-8zM1 1v6h6v-6z"/>',
    )
    SCHEDULE = (
        "schedule",
        "P",
        "schedule",
        "a scheduled action sets the group's sizes",
        "a scheduled action had set the group's sizes",
        '<path d="M1 0v8M0 1h8"/>',
    )
    CONNECTIONS = (
        "connections",
        "K",
        "database connections",
        "the database takes no more of them",
        "the database took no more connections",
        '<path d="M0 4h2M6 4h2M2 2v4M6 2v4"/>',
    )
    DATABASE = (
        "database",
        "B",
        "database",
        "it is slow, or carries no more",
        "the database was slow, or carried no more",
        '<path class="filled" d="M1 1h3v3h-3zM5 5h3v3h-3z"/>',
    )
    QUOTA = (
        "quota",
        "Q",
        "quota",
        "the account's quota, or EC2's rate of launches",
        "launches failed, by the account's quota or EC2's rate of launches",
        '<path d="M4 0v8M0 4h8"/>',
    )
    SERVICE_TIME = (
        "service_time",
        "V",
        "service time",
        "a request takes too long even on an idle instance",
        "a request took too long even on an idle instance",
        '<path d="M0 0l8 8"/>',
    )
    MAX_SIZE = (
        "max_size",
        "M",
        "maximum size",
        "the group may not grow",
        "the group was at its maximum size",
        '<path class="filled" d="M0 0h8v8h-8zM2 2v4h4v-4z"/>',
    )
    HEALTH_CHECKS = (
        "health_checks",
        "H",
        "health checks",
        "instances run that the load balancer does not use",
        "instances ran that the load balancer did not use",
        '<path d="M0 2h8M0 6h8"/>',
    )
    COLD = (
        "cold",
        "C",
        "cold instances",
        "they answer, below what they carry when warm",
        "instances were still cold",
        '<path d="M4 1l3 3l-3 3l-3 -3z"/>',
    )
    SCALE_IN = (
        "scale_in",
        "I",
        "scale-in",
        "the group became smaller too early",
        "the group had become smaller too early",
        '<path d="M0 2l4 4l4 -4"/>',
    )
    LAUNCH = (
        "launch",
        "L",
        "launch",
        "more were asked for and did not answer yet",
        "more instances were asked for and did not answer yet",
        '<path d="M2 0v8M6 0v8"/>',
    )
    DETECTION = (
        "detection",
        "D",
        "detection",
        "nothing had asked for more instances yet",
        "nothing had asked for more instances yet",
        '<path d="M0 0l8 8M-1 7l2 2M7 -1l2 2"/>',
    )
    RETRIES = (
        "retries",
        "R",
        "retries",
        "without them the capacity would do",
        "retries kept the load up",
        '<path d="M0 6l4 -4l4 4"/>',
    )
    MIN_SIZE = (
        "min_size",
        "N",
        "minimum size",
        "only instances that are running already would help",
        "only instances that are running already would have helped",
        '<path class="filled" d="M0 6h8v2h-8z"/>',
    )
    SEVERAL = (
        "several",
        "?",
        "several limits",
        "none of them, lifted alone, would be enough",
        "no limit, lifted alone, would have helped",
        '<path class="filled" d="M0 0h4v4h-4zM4 4h4v4h-4z"/>',
    )
