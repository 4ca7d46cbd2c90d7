r"""What runs on the instances, and the user data that starts it on Amazon Linux 2023.

The user data is a bash script that cloud-init runs at an instance's first boot. It writes

- `/opt/application/environment`, which exports the environment. Secrets are fetched from Secrets
  Manager or Parameter Store while the file is sourced, by the instance's role; neither the user
  data nor a file on the instance holds them;
- `application.service`, which runs the container image or, without one, a small health page;
- `lifecycle.service`, which watches where the Auto Scaling group is taking the instance;
- the CloudWatch agent's configuration, where the application's own metrics are wanted.

Containers run in Docker: Amazon Linux 2023 ships it, and no podman
(https://github.com/amazonlinux/amazon-linux-2023/issues/67). They use the host's network: with a
hop limit of 1 the metadata service, and so the instance's role, is out of reach from a container
network (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).

The watcher reads the target lifecycle state from the metadata service
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html).
It says `Terminated` as soon as termination begins, while the load balancer is still draining the
instance; the hook's wait state, the only one in which a heartbeat is accepted, comes after that.
So the watcher stops the application only once a heartbeat was accepted.
"""

import base64
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi

from surgeproof.components.naming import short_digest
from surgeproof.components.rules import HEALTH_PATH, PORT, QUOTED
from surgeproof.figures.settings import METRIC_NAMESPACE
from surgeproof.settings.aws_limits import TEMPLATE, breach
from surgeproof.settings.errors import ArgsError
from surgeproof.settings.fields import items, text, whole

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ECR_IMAGE = re.compile(
    r"(?P<host>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)"
    r"/(?P<repository>[^:@]+)"
)
_SECRET = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+")
_PARAMETER = re.compile(r"arn:[a-z-]+:ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9_./-]+")

_PART_TYPES = {
    "#!": "text/x-shellscript",
    "#cloud-config": "text/cloud-config",
    "#cloud-boothook": "text/cloud-boothook",
    "#include": "text/x-include-url",
}
"""How cloud-init tells the kinds of user data apart by their first line
(https://cloudinit.readthedocs.io/en/latest/explanation/format.html)."""


_PART_RULE: Final = "begin with #!, #cloud-config, #cloud-boothook or #include"


def _part(value: str) -> str | None:
    return None if _part_type(value) else _PART_RULE


def _variable_names(value: Mapping[str, Any]) -> str | None:
    for name in value:
        if not _NAME.fullmatch(name) or name == "PORT":
            return f"have names of letters, digits and _, and not PORT (it has {name!r})"
    return None


ARN_RULE: Final = "be the ARN of a Secrets Manager secret or a Systems Manager parameter"


def is_secret_arn(value: str) -> bool:
    """Whether `value` names a secret of one of the two services that the instances can read."""
    return bool(_SECRET.fullmatch(value) or _PARAMETER.fullmatch(value))


def _secret(value: str) -> str | None:
    return None if is_secret_arn(value) else ARN_RULE


class ApplicationArgs(TypedDict):
    """What runs on the instances. Without an image or user data, a health page."""

    container_image: NotRequired[
        Annotated[
            str,
            text(
                "image with tag or digest",
                "be an image with its tag or digest",
                pattern="[A-Za-z0-9][A-Za-z0-9._:/@-]*",
                default=None,
                behaviour="the health page",
            ),
        ]
    ]
    """Container image to run."""
    user_data: NotRequired[
        Annotated[
            str, text("script or cloud-config", _PART_RULE, check=_part, default=None, hidden=True)
        ]
    ]
    """Own user data, run after the stack's; must not hold a secret."""
    port: NotRequired[Annotated[int, PORT]]
    """Port that the application listens on."""
    health_path: NotRequired[Annotated[str, HEALTH_PATH]]
    """Path that answers 200 while the application can serve."""
    environment: NotRequired[
        Annotated[
            Mapping[str, pulumi.Input[str]],
            items(
                "mapping of texts",
                "be a mapping of names to texts",
                check=_variable_names,
                item=QUOTED,
                hidden=True,
                default=None,
            ),
        ]
    ]
    """Environment variables, by name. Readable to many: no secrets."""
    secrets: NotRequired[
        Annotated[
            Mapping[str, pulumi.Input[str]],
            items(
                "mapping of ARNs",
                "be a mapping of names to ARNs",
                check=_variable_names,
                item=text(must=ARN_RULE, check=_secret),
                hidden=True,
                default=None,
            ),
        ]
    ]
    """ARN of a Secrets Manager secret or Systems Manager parameter, by the name of the environment
    variable that gets its value."""
    metrics_namespace: NotRequired[
        Annotated[str, METRIC_NAMESPACE.by(default=None, behaviour="no agent")]
    ]
    """Namespace in CloudWatch under which the CloudWatch agent publishes what the application sends
    as StatsD to 127.0.0.1:8125, once a minute, added up by AutoScalingGroupName."""
    stop_timeout_seconds: NotRequired[Annotated[int, whole("seconds", 1, 3600, default=30)]]
    """Time that the application gets to stop before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Lifecycle hooks that the watcher completes."""

    group_name: str
    launching: str | None
    """Only for groups with a warm pool."""
    terminating: str


def secret_statements(secrets: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the policy statements that let a role read exactly `secrets`.

    A secret under a customer-managed key needs `kms:Decrypt` on that key besides; the services'
    own keys let every principal of the account use them through the service.
    """
    arns = sorted(set(secrets.values()))
    by_action = {
        "secretsmanager:GetSecretValue": [arn for arn in arns if _SECRET.fullmatch(arn)],
        "ssm:GetParameter": [arn for arn in arns if _PARAMETER.fullmatch(arn)],
    }
    return [
        {"Effect": "Allow", "Action": action, "Resource": resources}
        for action, resources in by_action.items()
        if resources
    ]


def metrics_statements(application: ApplicationArgs) -> list[dict[str, Any]]:
    """Return the policy statements that let the agent publish, and find its group by a tag."""
    if application.get("metrics_namespace") is None:
        return []
    return [
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"cloudwatch:namespace": application.get("metrics_namespace")}
            },
        },
        # It takes no resource: service authorization reference, Amazon EC2.
        {"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"},
    ]


def image_statements(application: ApplicationArgs, partition: str) -> list[dict[str, Any]]:
    """Return the policy statements that let a role pull the image, if it lies in ECR."""
    image = _ECR_IMAGE.match(application.get("container_image") or "")
    if not image:
        return []
    repository = "arn:{}:ecr:{region}:{account}:repository/{repository}".format(
        partition, **image.groupdict()
    )
    return [
        # It takes no resource: https://docs.aws.amazon.com/AmazonECR/latest/userguide/
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": repository,
        },
    ]


def user_data(
    application: ApplicationArgs,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    hooks: Hooks,
) -> str:
    """Return the user data: a script, or a multi-part message when the caller has their own."""
    script = _script(application, environment, secrets, hooks)
    own = application.get("user_data")
    if own is None:
        return script
    boundary = f"part-{short_digest(script, own, length=16)}"
    parts = (
        # cloud-init runs scripts in the order of their names.
        ("01-instance", _PART_TYPES["#!"], script),
        ("02-application", _part_type(own), own),
    )
    lines = [f'Content-Type: multipart/mixed; boundary="{boundary}"', "MIME-Version: 1.0", ""]
    for name, kind, content in parts:
        lines += [
            f"--{boundary}",
            f'Content-Type: {kind}; charset="utf-8"',
            "Content-Transfer-Encoding: 8bit",
            f'Content-Disposition: attachment; filename="{name}"',
            "",
            content,
        ]
    return "\n".join([*lines, f"--{boundary}--", ""])


def encoded(text: str) -> str:
    """Return user data as a launch template takes it; raise ArgsError if it is too long."""
    result = base64.b64encode(text.encode()).decode()
    if rule := length_breach(text):
        raise ArgsError(f"AutoScalingGroup.application: must {rule}, got {len(text.encode())}")
    return result


def length_breach(text: str) -> str | None:
    """Return the rule that the length of user data breaks, or None."""
    rule = breach(TEMPLATE, "userData", base64.b64encode(text.encode()).decode())
    return f"give user data that is {rule.removeprefix('be ')}" if rule else None


def _part_type(text: str) -> str | None:
    return next((kind for start, kind in _PART_TYPES.items() if text.startswith(start)), None)


def _script(
    application: ApplicationArgs,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    hooks: Hooks,
) -> str:
    files = [
        _file("/opt/application/environment", _environment(application, environment, secrets)),
        _file("/opt/application/lifecycle", _lifecycle(application, hooks), executable=True),
        _file("/etc/systemd/system/lifecycle.service", _LIFECYCLE_UNIT),
    ]
    # The watcher comes first: it lets go of an instance whose application cannot be installed.
    steps = ["systemctl daemon-reload", "systemctl enable --now lifecycle.service"]
    if application.get("user_data") is None:
        run = _run(application, [*environment, *secrets])
        files += [
            _file("/opt/application/run", run, executable=True),
            _file("/etc/systemd/system/application.service", _application_unit(application)),
        ]
        if application.get("container_image"):
            steps += [
                "for _ in 1 2 3 4 5; do dnf install --assumeyes docker && break; sleep 5; done",
                "systemctl enable --now docker.service",
            ]
        else:
            files.append(_file("/opt/application/health_page.py", HEALTH_PAGE))
        steps.append("systemctl enable --now application.service")
    namespace = application.get("metrics_namespace")
    if namespace is not None:
        files.append(_file("/opt/application/agent.json", _agent(namespace)))
        # Last, and never in the way: an instance without it serves all the same.
        control = "/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
        package = "dnf install --assumeyes amazon-cloudwatch-agent"
        steps += [
            f"for _ in 1 2 3; do {package} && break; sleep 5; done || true",
            f"{control} -a fetch-config -m ec2 -s -c file:/opt/application/agent.json || true",
        ]
    head = ["#!/bin/bash", "set -euo pipefail", "umask 022", "mkdir -p /opt/application"]
    return "\n".join([*head, *files, *steps, ""])


def _agent(namespace: str) -> str:
    """Return the CloudWatch agent's configuration.

    It gives each StatsD metric a dimension of its own, `metric_type`, so the group's sum is a
    further aggregation, over AutoScalingGroupName alone
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-custom-metrics-statsd.html).
    """
    return json.dumps(
        {
            "agent": {"omit_hostname": True},
            "metrics": {
                "namespace": namespace,
                "append_dimensions": {"AutoScalingGroupName": "${aws:AutoScalingGroupName}"},
                "aggregation_dimensions": [["AutoScalingGroupName"]],
                "metrics_collected": {
                    "statsd": {
                        "service_address": "127.0.0.1:8125",
                        "metrics_collection_interval": 10,
                        "metrics_aggregation_interval": 60,
                    }
                },
            },
        },
        indent=1,
    )


def _file(path: str, text: str, *, executable: bool = False) -> str:
    end = f"END_{short_digest(text)}"
    lines = [f"cat > {path} <<'{end}'", text.rstrip("\n"), end]
    return "\n".join([*lines, f"chmod 755 {path}"] if executable else lines)


def _environment(
    application: ApplicationArgs, environment: Mapping[str, str], secrets: Mapping[str, str]
) -> str:
    lines = [f"export PORT={application['port']}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    for name, arn in secrets.items():
        lines += [f'{name}="$({_fetch(arn)})" || return 1', f"export {name}"]
    return "\n".join(lines)


def _fetch(arn: str) -> str:
    """Return the command that prints a secret's value; both calls take the ARN as the name."""
    region = shlex.quote(arn.split(":")[3])
    name = shlex.quote(arn)
    if _SECRET.fullmatch(arn):
        call = f"secretsmanager get-secret-value --secret-id {name} --query SecretString"
    else:
        call = f"ssm get-parameter --with-decryption --name {name} --query Parameter.Value"
    return f"aws {call} --region {region} --output text"


def _run(application: ApplicationArgs, names: list[str]) -> str:
    lines = ["#!/bin/bash", "set -euo pipefail", ". /opt/application/environment"]
    image = application.get("container_image")
    if image is None:
        path = shlex.quote(application["health_path"])
        lines.append(f'exec python3 /opt/application/health_page.py "$PORT" {path}')
        return "\n".join(lines)
    registry = _ECR_IMAGE.match(image)
    if registry:
        lines.append(
            f"aws ecr get-login-password --region {registry['region']} | "
            f"docker login --username AWS --password-stdin {registry['host']}"
        )
    variables = " ".join(f"--env {name}" for name in ["PORT", *names])
    options = f"--rm --name application --network host --log-driver local {variables}"
    lines += [
        "docker rm --force application > /dev/null 2>&1 || true",
        f"exec docker run {options} {shlex.quote(image)}",
    ]
    return "\n".join(lines)


def _application_unit(application: ApplicationArgs) -> str:
    timeout = application["stop_timeout_seconds"]
    if application.get("container_image"):
        # Docker kills the container at the time-out; systemd would kill only the client.
        own = [f"ExecStop=/usr/bin/docker stop -t {timeout} application"]
        timeout += 10
        after, requires = "network-online.target docker.service", ["Requires=docker.service"]
    else:
        own = ["DynamicUser=yes", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]
        after, requires = "network-online.target", []
    return "\n".join(
        [
            "[Unit]",
            "Description=The application behind the load balancer",
            "Wants=network-online.target",
            f"After={after}",
            *requires,
            "StartLimitIntervalSec=0",
            "[Service]",
            "ExecStart=/opt/application/run",
            *own,
            "Restart=always",
            "RestartSec=2",
            f"TimeoutStopSec={timeout}",
            "[Install]",
            "WantedBy=multi-user.target",
        ]
    )


_LIFECYCLE_UNIT = """\
[Unit]
Description=Follows the Auto Scaling lifecycle of this instance
Wants=network-online.target
After=network-online.target
[Service]
ExecStart=/opt/application/lifecycle
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
"""


def _lifecycle(application: ApplicationArgs, hooks: Hooks) -> str:
    settings = {
        "GROUP": hooks.group_name,
        "LAUNCHING": hooks.launching or "",
        "TERMINATING": hooks.terminating,
        "HEALTH": f"http://127.0.0.1:{application['port']}{application['health_path']}",
    }
    head = [f"readonly {name}={shlex.quote(value)}" for name, value in settings.items()]
    return "\n".join(["#!/bin/bash", "set -u", *head, _LIFECYCLE])


_LIFECYCLE = r"""
readonly METADATA="${METADATA:-http://169.254.169.254/latest}"
readonly STATE="${STATE:-/run/lifecycle-state}"
readonly INTERVAL="${INTERVAL:-5}"

metadata() {
  local token
  token="$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
    "$METADATA/api/token")" &&
    curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$METADATA/meta-data/$1"
}

hook() {
  aws autoscaling "$1" --region "$region" --auto-scaling-group-name "$GROUP" \
    --lifecycle-hook-name "$2" --instance-id "$instance" "${@:3}"
}

proceed() { hook complete-lifecycle-action "$1" --lifecycle-action-result CONTINUE; }

# Does what the change to state $1 asks for; fails while it has to be tried again.
settle() {
  case "$1" in
    Terminated | Warmed:Terminated)
      # Refused until the load balancer has drained this instance and the hook waits.
      hook record-lifecycle-action-heartbeat "$TERMINATING" || return 1
      systemctl stop application || true
      proceed "$TERMINATING"
      ;;
    Warmed:*)
      # Back to the warm pool after serving: drained, and about to be stopped or kept.
      if [ "$settled" = InService ]; then proceed "$TERMINATING"; return; fi
      ready
      ;;
    InService) ready ;;
  esac
}

# Gives up after a while: no hook waits for an instance that comes back from standby.
ready() {
  [ -n "$LAUNCHING" ] || return 0
  curl -sf -m 5 -o /dev/null "$HEALTH" || return 1
  proceed "$LAUNCHING" || [ "$((refused += 1))" -ge 24 ]
}

until region="$(metadata placement/region)" && instance="$(metadata instance-id)"; do
  sleep "$INTERVAL"
done
settled="$(cat "$STATE" 2> /dev/null || true)"
refused=0
while true; do
  state="$(metadata autoscaling/target-lifecycle-state)" || state=""
  if [ -n "$state" ] && [ "$state" != "$settled" ] && settle "$state"; then
    settled="$state" refused=0
    echo "$state" > "$STATE"
  fi
  sleep "$INTERVAL"
done
"""

HEALTH_PAGE = '''\
"""Answers the health check until an application takes its place."""

import http.server
import signal
import sys
import threading

PORT, HEALTH_PATH = int(sys.argv[1]), sys.argv[2]


class Page(http.server.BaseHTTPRequestHandler):
    # Connections are kept open, so that the load balancer is the one that closes them.
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        known = self.path.partition("?")[0] in ("/", HEALTH_PATH)
        body = b"ok\\n" if known else b"not found\\n"
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("", PORT), Page)
server.daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
'''
"""A server of the standard library, as Amazon Linux 2023 has Python 3 for its own tools."""
