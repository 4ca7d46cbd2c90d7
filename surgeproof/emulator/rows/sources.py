"""Sources and outputs that rows of several services have."""

from collections.abc import Callable, Mapping
from typing import Any

from surgeproof.emulator.rows.row import Context, Source


def account(context: Context) -> str:
    """Return the account's number."""
    return str(context.call("GetCallerIdentity", {}, service="sts")["Account"])


def by_ids(member: str) -> Mapping[str, Source]:
    """Return the members of a request for one thing, of which AWS takes a list."""
    return {member: lambda state: [state["id"]]}


def given(name: str) -> Callable[[Context, Any], Any]:
    """Return a function for an output that the state has already."""
    return lambda context, _: context.state.get(name)
