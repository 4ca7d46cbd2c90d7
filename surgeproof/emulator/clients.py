"""AWS clients that know nothing but what they are told.

boto3 takes credentials, profile, region, endpoint, proxy and more from the environment and from
files in the home directory. A client for the embedded AWS must not: it would send a person's
real credentials, or send a request to the real AWS. So the session here is made from its
arguments alone.
"""

import ipaddress
import os
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import botocore.config
import botocore.configprovider
import botocore.model
import botocore.session

from surgeproof.emulator.credentials import NO_CREDENTIALS, Credentials

_CONNECT_SECONDS = 5
_READ_SECONDS = 60


class RemoteEndpointError(ValueError):
    """An endpoint is not on this machine, and was not allowed by name."""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _session() -> botocore.session.Session:
    """Make a session that reads no environment variable and no file."""
    defaults = botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES
    deaf = {name: (None, None, row[2], row[3]) for name, row in defaults.items()}
    for name in ("config_file", "credentials_file"):
        deaf[name] = (None, None, os.devnull, None)
    return botocore.session.Session(session_vars=deaf)


class Clients:
    """botocore clients of one endpoint and region, each made once.

    Args:
        endpoint_url: Where every service is. Only a loopback address is taken.
        region: The region that requests are signed for.
        credentials: What they are signed with. Default: ones that no endpoint checks.
        allow_remote: Take any endpoint. For a person who names another AWS-compatible
            endpoint on purpose.

    """

    def __init__(
        self,
        endpoint_url: str,
        region: str,
        credentials: Credentials = NO_CREDENTIALS,
        *,
        allow_remote: bool = False,
    ) -> None:
        host = urlsplit(endpoint_url).hostname or ""
        if not allow_remote and not _is_loopback(host):
            raise RemoteEndpointError(
                f"The embedded AWS must be on this machine, got the endpoint {endpoint_url}. "
                "Allow it by name to use another AWS-compatible endpoint."
            )
        self.region = region
        self._credentials = credentials
        self._endpoint_url: str | None = endpoint_url
        self._session = _session()
        self._lock = threading.Lock()  # making clients is not thread-safe in botocore
        self._clients: dict[str, Any] = {}
        self._models: dict[str, botocore.model.ServiceModel] = {}
        self._config = botocore.config.Config(
            # Requests are checked before, against more than botocore checks.
            parameter_validation=False,
            retries={"total_max_attempts": 1, "mode": "standard"},
            proxies={},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=32,
            inject_host_prefix=False,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    def client(self, service: str) -> Any:
        """Return the client of a service, by botocore's name of it."""
        found = self._clients.get(service)
        if found is None:
            with self._lock:
                found = self._clients.get(service)
                if found is None:
                    found = self._make(service)
                    self._clients[service] = found
        return found

    def model(self, service: str) -> botocore.model.ServiceModel:
        """Return botocore's model of a service, without making a client."""
        found = self._models.get(service)
        if found is None:
            with self._lock:
                found = self._models.get(service)
                if found is None:
                    found = self._session.get_service_model(service)
                    self._models[service] = found
        return found

    def prewarm(self, services: Iterable[str]) -> None:
        """Make the clients of services, so that no later call waits for one."""
        for service in services:
            self.client(service)

    def _make(self, service: str) -> Any:
        return self._session.create_client(
            service,
            region_name=self.region,
            endpoint_url=self._endpoint_url,
            aws_access_key_id=self._credentials.access_key_id,
            aws_secret_access_key=self._credentials.secret_access_key,
            config=self._config,
            verify=True,
        )
