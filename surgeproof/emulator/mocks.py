"""Components on moto in this process, without an engine.

`AwsMocks` gives Pulumi's mocks the provider's own rows, so a unit test builds a component as it is
and then asks moto, through boto3, what exists.
"""

import json
import os
import runpy
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from surgeproof.settings.json_file import parse_json
from surgeproof.settings.resources import SIGNATURE

# moto reads these when it is imported.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
os.environ["MOTO_ACM_VALIDATION_WAIT"] = "0"

import moto
import moto.iam.models
import pulumi
import pulumi.runtime
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from surgeproof.emulator import alarming
from surgeproof.emulator.clients import Clients
from surgeproof.emulator.resources.life import Resources

REGION = "eu-central-1"
_POLICIES = (
    "AmazonRDSEnhancedMonitoringRole",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
)
"""AWS's managed policies in the account. moto has all 1500 and makes them for each test."""

_IAM: Any = moto.iam.models
_IAM.aws_managed_policies_data = json.dumps(
    {
        name: policy
        for name, policy in parse_json(_IAM.aws_managed_policies_data, "moto").items()
        if name in _POLICIES
    }
)

PROGRAM = Path(__file__).parents[2] / "__main__.py"

HOSTED_ZONE_ID = "Z0SURGEPROOFLOCAL"
"""The zone of surgeproof.test, as on the embedded AWS."""


class MotoClients(Clients):
    """Clients whose requests moto takes in this process; they go nowhere else.

    moto hooks into botocore when a session is made after its import, and recognises AWS's own
    addresses, so these clients have no endpoint of their own. All of one region share what is
    costly to make: the session, the models, the clients.
    """

    _shared: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, region: str = REGION) -> None:
        if region not in self._shared:
            super().__init__("http://127.0.0.1", region)
            self._endpoint_url = None
            self._shared[region] = self.__dict__
        self.__dict__ = self._shared[region]

    def client(self, service: str) -> Any:
        """Return the client of a service while moto is on."""
        if not _moto_is_on():
            raise RuntimeError("moto is off: a request would leave this process")
        return super().client(service)


def _moto_is_on() -> bool:
    return bool(moto.core.models.botocore_stubber.enabled)


@dataclass(frozen=True)
class Registered:
    """A resource that a component registered."""

    token: str
    name: str
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class AwsMocks(pulumi.runtime.Mocks):
    """Pulumi mocks whose AWS resources are created on moto by the provider's rows."""

    def __init__(self, resources: Resources | None = None) -> None:
        self.resources = resources or Resources(MotoClients())
        self.registered: list[Registered] = []
        """All resources, in the order of creation; components have no id."""
        # Pulumi calls mocks from a thread pool, and moto's backends are not thread-safe: a describe
        # that iterates a table while another thread creates in it raises RuntimeError.
        self._one_at_a_time = threading.Lock()

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[str, Any]]:
        """Check and create a resource."""
        inputs = _plain(dict(args.inputs))
        if not args.typ.startswith("aws:"):
            self.registered.append(Registered(args.typ, args.name, "", inputs, inputs))
            return None, inputs
        with self._one_at_a_time:
            checked, failures = self.resources.check(args.typ, args.name, None, inputs, b"")
            if failures:
                told = "\n".join(failure.reason for failure in failures)
                raise AssertionError(f"{args.typ} {args.name}:\n{told}")
            ident, outputs = self.resources.create(args.typ, checked, preview=False)
            self.registered.append(Registered(args.typ, args.name, ident, checked, outputs))
        return ident, outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        """Answer an invoke."""
        with self._one_at_a_time:
            return self.resources.invoke(args.token, _plain(dict(args.args)))


def _plain(value: Any) -> Any:
    """Return a value without the wire's ways: floats for all numbers, and secrets' envelopes."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict) and SIGNATURE in value:
        return _plain(value["value"])
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


@contextmanager
def aws_in_process() -> Iterator[None]:
    """Turn moto on, empty but for the hosted zone surgeproof.test, and off again."""
    with ExitStack() as stack, moto.mock_aws():
        if alarming.install():
            stack.callback(alarming.uninstall)
        backends: Any = get_backend("route53")
        zones = backends[DEFAULT_ACCOUNT_ID]["aws"]
        zone = zones.create_hosted_zone("surgeproof.test.", private_zone=False)
        del zones.zones[zone.resource_id]
        zone.resource_id = HOSTED_ZONE_ID
        zones.zones[HOSTED_ZONE_ID] = zone
        yield


def build(
    make: Callable[[], Any],
    *,
    mocks: AwsMocks | None = None,
    project: str = "surgeproof",
    stack: str = "test",
    config: Mapping[str, str] | None = None,
) -> AwsMocks:
    """Run a program, wait for all its registrations, and return the mocks that served it.

    `make` builds components, as `__main__.py` would. A failed check, a refused call or an
    exception in the program is raised.
    """
    mocks = mocks or AwsMocks()
    pulumi.runtime.settings.reset_options()
    pulumi.runtime.set_mocks(mocks, project=project, stack=stack, preview=False)
    pulumi.runtime.set_all_config(dict(config or {}))
    run: Callable[[], Any] = pulumi.runtime.test(make)  # type: ignore[no-untyped-call]
    run()
    return mocks


def run_program(
    stack: str, config: Mapping[str, Any], *, mocks: AwsMocks | None = None
) -> AwsMocks:
    """Run the repository's own program in a stack's configuration; return the mocks."""
    spelled = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }

    def program() -> None:
        runpy.run_path(str(PROGRAM), run_name="__main__")

    return build(program, mocks=mocks, stack=stack, config=spelled)
