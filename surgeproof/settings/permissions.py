"""Which permission an AWS operation needs, and the words for one that is missing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
)
"""IAM's prefixes of services that boto3 calls otherwise (Service Authorization Reference)."""

DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedFault",
        "AuthorizationError",
        "AuthorizationErrorException",
        "KMS.AccessDeniedException",
        "KmsAccessDenied",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
    }
)
"""Codes by which services say that a permission is missing."""

THROTTLED: Final = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
)
"""Codes by which services say that they were asked too often; boto3 has tried again before."""


def action(service: str, operation: str) -> str:
    """Return the IAM action of an operation: boto3's name of the service, the API's operation."""
    return f"{PREFIXES.get(service, service)}:{operation}"


def refused(service: str, error: Any, resource: str = "*") -> str:
    """Return in a sentence why AWS has refused a request, and which permission is missing.

    Args:
        service: boto3's name of the service.
        error: botocore's ClientError.
        resource: ARN that it is about. Default: the action takes no resource.

    """
    code = error.response.get("Error", {}).get("Code", "")
    named = action(service, error.operation_name)
    if code in DENIED:
        return f"the caller must be allowed {named} on {resource} ({code})."
    if code in THROTTLED:
        return f"AWS was asked too often for {named}, also after waiting ({code})."
    return f"AWS refuses {named}: {' '.join(str(error).split())}"
