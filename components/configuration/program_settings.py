"""Settings of the program itself: which parts there are, and keys outside of any group."""

from typing import Annotated, NotRequired, TypedDict

from surgeproof.components.rules import TAGS
from surgeproof.figures.settings import SURGES, SurgeSettings
from surgeproof.settings.fields import switch


class DatabaseSwitch(TypedDict):
    """Whether there is a database."""

    enabled: NotRequired[Annotated[bool, switch(default=False)]]
    """Create it. Instances then find it by DATABASE_HOST, DATABASE_PORT, DATABASE_NAME and
    DATABASE_SECRET_ARN in their environment, and may read that secret: for each new connection,
    since RDS changes the password every 7 days."""


class WebAclSwitches(TypedDict):
    """Whether there is a web ACL, and what the load balancer does without an answer of it."""

    enabled: NotRequired[Annotated[bool, switch(default=False)]]
    """Create it."""
    fail_open: NotRequired[Annotated[bool, switch(default=True)]]
    """Serve requests when the ACL cannot be asked, rather than refuse them all. On, since an
    outage of the ACL would be one of the service."""


class TopConfiguration(TypedDict):
    """Keys outside of any group."""

    surges: NotRequired[Annotated[dict[str, SurgeSettings], SURGES]]
    """Surges that the stack must survive, by name; the replay runs them."""
    tags: NotRequired[Annotated[dict[str, str], TAGS]]
    """Tags of all that is created."""
