"""The one way in which a drill asks AWS: a missing permission is said with action and resource."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.operations.automation import AutomationError, UnknownError
from surgeproof.settings.permissions import DENIED

Clients = Callable[[str], Any]
"""Returns the client of a service."""

LACKS: Final = "NotImplementedByEndpoint"
"""Code by which the embedded AWS says that it lacks an operation."""

_FAILURES: Final = (BotoCoreError, ClientError, NotImplementedError)


class DrillError(AutomationError):
    """A drill could not be carried out; the message says why."""


class RefusedError(UnknownError):
    """A drill would harm, or cannot be carried out as asked; nothing was done."""


class Calls:
    """Sends requests to AWS.

    Args:
        clients: Returns the client of a service.

    """

    def __init__(self, clients: Clients) -> None:
        self._clients = functools.cache(clients)  # boto3 would make one anew for each call

    def __call__(self, service: str, operation: str, resource: str = "*", **members: Any) -> Any:
        """Send a request.

        Args:
            service: boto3's name of the service.
            operation: The method of its client.
            resource: What a permission for it names.
            members: Of the request.

        Raises:
            DrillError: AWS refuses it, or does not answer.

        """
        try:
            return getattr(self._clients(service), operation)(**members)
        except _FAILURES as error:
            raise self._error(service, operation, resource, error) from error

    def pages(
        self, service: str, operation: str, key: str, resource: str = "*", **members: Any
    ) -> Iterator[Any]:
        """Yield the items under `key` of all pages of an answer; raises DrillError."""
        try:
            for page in self._clients(service).get_paginator(operation).paginate(**members):
                yield from page.get(key) or ()
        except _FAILURES as error:
            raise self._error(service, operation, resource, error) from error

    def _error(self, service: str, operation: str, resource: str, error: Exception) -> DrillError:
        code = code_of(error)
        if code in DENIED:
            action = "".join(word.capitalize() for word in operation.split("_"))
            return DrillError(
                f"a permission is missing: {service}:{action} on {resource} (AWS says: {error})"
            )
        return DrillError(f"AWS: {error}")


def code_of(error: BaseException | None) -> str:
    """Return AWS's code of an error, or of the one that caused it; empty where there is none."""
    while error is not None:
        if isinstance(error, NotImplementedError):
            return LACKS
        if isinstance(error, ClientError):
            return str(error.response.get("Error", {}).get("Code", ""))
        error = error.__cause__
    return ""
