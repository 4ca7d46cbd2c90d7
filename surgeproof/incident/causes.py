"""What an incident may come from, as far as evidence can say."""

from enum import StrEnum


class Cause(StrEnum):
    """A root cause that evidence can suggest; people decide."""

    SURGE = "surge"
    """More users than the running instances carry."""
    BAD_DEPLOYMENT = "bad deployment"
    """A new version carries less, or fails."""
    SLOW_DATABASE = "slow database"
    """The database answers late, and requests wait for it."""
    ZONE_LOST = "zone lost"
    """An Availability Zone took its instances with it."""
    RETRY_STORM = "retry storm"
    """Clients try again what failed, and that keeps the service down."""
    METRICS_LATE = "metrics late"
    """The group could grow, but its alarms saw the demand too late."""
    UNDETERMINED = "undetermined"
    """The evidence fits none of them, or several."""
