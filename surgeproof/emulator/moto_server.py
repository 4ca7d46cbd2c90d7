"""The embedded AWS: moto behind our own module, as a process on the loopback interface.

Stock moto answers an operation that it lacks with status 500 and a page of HTML, which a client
cannot tell from a crash, and retries. Here it is a typed 501, so that the provider can record the
resource instead of failing. Backends are imported before the first request, and the account holds
what a real one would: AWS's managed policies and the hosted zone of its own domain.

Only requests of this run are answered (`guard`), only the services that a stack here can use are
served, and nothing is sent anywhere (`deliveries`). So neither moto's own pages, which reset and
configure it, can be reached, nor a service that runs code or fetches something.
"""

import os
from typing import Final

# moto reads these when it is imported.
MOTO_SETTINGS: Final = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_ACM_VALIDATION_WAIT": "0",
}
os.environ.update(MOTO_SETTINGS)

import argparse  # noqa: E402
import errno  # noqa: E402
import importlib.metadata  # noqa: E402
import re  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from types import FrameType  # noqa: E402
from typing import Any  # noqa: E402

from flask import Flask, current_app, request  # noqa: E402
from moto.backends import get_backend  # noqa: E402
from moto.core.models import DEFAULT_ACCOUNT_ID  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.exceptions import NotFound  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402
from werkzeug.wrappers import Response  # noqa: E402

from surgeproof import files  # noqa: E402
from surgeproof.emulator import alarming  # noqa: E402
from surgeproof.emulator.credentials import Credentials  # noqa: E402
from surgeproof.emulator.deliveries import Place, confine  # noqa: E402
from surgeproof.emulator.endpoint import NOT_IMPLEMENTED  # noqa: E402
from surgeproof.emulator.guard import Guard, error  # noqa: E402
from surgeproof.emulator.moto_process import (  # noqa: E402
    HEALTH_PATH,
    HOLDINGS_PATH,
    HOST,
    LOG,
    PORT_TAKEN,
    RECORD,
    SERVICES,
)
from surgeproof.emulator.processes import Process  # noqa: E402
from surgeproof.emulator.run_directory import LOG_BYTES_MAX  # noqa: E402

SIGNED_AS: Final = {"cloudwatch": "monitoring", "elbv2": "elasticloadbalancing"}
"""Names in requests' signatures, by which moto finds the backend, where they differ."""

SERVED: Final = frozenset({*SERVICES, "elb", "servicequotas"})
"""moto's backends that can be reached: what a stack and its replay use (`elb` hands on what is for
`elbv2`). Others are absent, since some of them run code or fetch what a request names."""

WITHOUT_REGION: Final = frozenset({"budgets"})
"""Services whose address in AWS names no region."""

NOT_HOLDINGS: Final = frozenset(
    {"ec2 tags", "ec2 network_acls", "logs resource_policies", "ssm _resource_tags"}
)
"""Tables in which moto keeps something of what is gone: tags, and a VPC's default network ACL. The
policies of CloudWatch Logs stay on purpose: all stacks of a Region share one."""

KEYS_OF_AWS: Final = frozenset(
    {
        "Default key",
        "Default master key that protects my EBS volumes when no other key is defined",
    }
)
"""Descriptions of the KMS keys that moto makes for a service of AWS when the first one asks."""

GONE: Final = frozenset({"deleted", "terminated", "terminated(48)", "PendingDeletion"})

OF_AWS: Final = re.compile(r"^/aws/service/|^arn:aws[^:]*:iam::aws:")
"""AWS's own parameters and policies, which moto loads when somebody asks for one."""

LOG_SECONDS: Final = 60.0
"""Between two looks at the size of the log (seconds)."""

HOSTED_ZONE_NAME: Final = "surgeproof.test."
HOSTED_ZONE_ID: Final = "Z0SURGEPROOFLOCAL"
"""The account's own domain. `.test` never resolves (RFC 6761, section 6.2)."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to end; write the run's record once requests are answered."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", type=Path, required=True, help="the run's directory")
    parser.add_argument("--region", required=True)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--deliver", type=Place.parse, action="append", default=[])
    options = parser.parse_args(arguments)

    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver's affair
    try:
        listening = _listen(options.port)
    except OSError as failure:
        if failure.errno != errno.EADDRINUSE:
            raise
        sys.exit(PORT_TAKEN)
    port = listening.getsockname()[1]
    credentials = Credentials.made()
    application = Application()
    alarming.install(alarming.ThreadTimers(application.one_at_a_time))
    prepare(options.region, application)
    server = make_server(
        HOST,
        0,
        guarded(application, credentials, port),
        threaded=True,
        request_handler=_QuietHandler,
        fd=listening.fileno(),
    )
    me = Process.of(os.getpid())
    if me is None:
        sys.exit("this system does not tell when a process started")
    record = {
        **me.record(),
        "port": port,
        "region": options.region,
        "deliver": [str(place) for place in options.deliver],
        **credentials.record(),
    }
    confine(options.deliver)
    files.write_json(options.directory / RECORD, record, mode=0o600)
    threading.Thread(target=_trim_log, args=(options.directory,), daemon=True).start()
    server.serve_forever()


def _trim_log(directory: Path) -> None:
    while True:
        files.trim(directory / LOG, LOG_BYTES_MAX)
        time.sleep(LOG_SECONDS)


class Application(DomainDispatcherApplication):
    """moto's dispatcher, for the services that are served."""

    def __init__(self) -> None:
        """Make what dispatches, without a backend yet."""
        super().__init__(_backend_application)
        self.own = frozenset[str]()
        """What a new account holds."""
        # moto's backends are not thread-safe: a describe that iterates a table while another
        # request creates in it is answered with status 500.
        self.one_at_a_time = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request (the WSGI protocol)."""
        with self.one_at_a_time:
            return super().__call__(environ, start_response)


def guarded(application: Application, credentials: Credentials, port: int) -> Guard:
    """Put the guard in front of moto, with the pages on health and holdings."""
    pages: dict[str, Callable[[], Any]] = {
        HEALTH_PATH: lambda: {"pid": os.getpid()},
        HOLDINGS_PATH: lambda: sorted(holdings() - application.own),
    }
    return Guard(application, credentials, f"{HOST}:{port}", pages)


def holdings() -> frozenset[str]:
    """Return all that the backends' own tables hold, as `service table key`.

    Read from moto's memory, so that it does not depend on what anybody has recorded.
    """
    services: Iterable[Any] = SERVICES  # as any: moto's types know services one by one
    return frozenset(
        f"{service} {table} {key}"
        for service in services
        for account in dict(get_backend(service)).values()
        for backend in dict(account).values()
        for table, content in vars(backend).items()
        if isinstance(content, dict) and f"{service} {table}" not in NOT_HOLDINGS
        for key, thing in list(content.items())
        if not (_is_gone(thing) or OF_AWS.search(str(key)))
    )


def _is_gone(thing: Any) -> bool:
    """Tell whether a thing is nobody's, or what AWS too shows for a while after its deletion."""
    if isinstance(thing, dict | list):
        return not thing
    if getattr(thing, "description", None) in KEYS_OF_AWS:
        return True
    instances = getattr(thing, "instances", None)  # a reservation's
    if instances:
        return all(_is_gone(instance) for instance in instances)
    state = getattr(thing, "key_state", None) or getattr(thing, "state", None)
    return getattr(state, "name", state) in GONE or str(getattr(thing, "_state", "")) in GONE


def prepare(region: str, application: Application, services: Iterable[Any] = SERVICES) -> None:
    """Import the backends, make what a new account has in `region`, and the hosted zone."""
    for service in services:
        backends: Any = get_backend(service)
        account = backends[DEFAULT_ACCOUNT_ID]
        account[region if region in account else "aws"]
        place = "" if service in WITHOUT_REGION else f".{region}"
        host = f"{SIGNED_AS.get(service, service)}{place}.amazonaws.com"
        name = application.get_backend_for_host(host)
        application.app_instances[name] = _backend_application(name)
    zones: Any = get_backend("route53")[DEFAULT_ACCOUNT_ID]["aws"]
    zone = zones.create_hosted_zone(HOSTED_ZONE_NAME, private_zone=False)
    del zones.zones[zone.resource_id]
    zone.resource_id = HOSTED_ZONE_ID
    zones.zones[HOSTED_ZONE_ID] = zone
    application.own = holdings()


def _backend_application(service: Any) -> Flask:
    is_served = service in SERVED
    application = create_backend_app(service) if is_served else Flask("none", static_folder=None)
    application.register_error_handler(NotImplementedError, _not_implemented)
    application.register_error_handler(NotFound, _no_such_path)
    return application


def _no_such_path(failure: NotFound) -> NotFound | Response:
    """Tell a path that moto does not know from a thing that moto did not find."""
    return _not_implemented(failure) if request.routing_exception is failure else failure


def _not_implemented(_: Exception) -> Response:
    """Answer 501, which botocore does not retry (`_retry.json`: 500, 502, 503, 504 and 509)."""
    target = request.headers.get("X-Amz-Target", "")
    operation = request.values.get("Action") or target.rpartition(".")[2]
    version = importlib.metadata.version("moto")
    service = getattr(current_app, "service", "")
    lacks = f"not implemented by moto {version}" if service else "of a service not served here"
    return error(
        501,
        NOT_IMPLEMENTED,
        f"{operation or request.method} is {lacks}",
        service=service,
        speaks_json=bool(target) or "json" in (request.content_type or ""),
    )


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen(128)
    return listening


class _QuietHandler(MotoRequestHandler):
    """Log no requests: their number is large and they hold what users configured."""

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(0)  # nothing to tidy up, and threads may be in the middle of a request


if __name__ == "__main__":
    main()
