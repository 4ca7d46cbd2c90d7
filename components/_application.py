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
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import pulumi

from components._checks import Reader
from components._errors import Hidden, Problems
from components._naming import short_digest
from components.aws_limits import TARGET_GROUP, TEMPLATE, breach

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH = re.compile(r"/[A-Za-z0-9/._~%-]*")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
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


class ApplicationArgs(TypedDict):
    """What runs on the instances. Without an image or user data, a health page."""

    container_image: NotRequired[str]
    """Container image to run, with its tag or digest. Default: the health page."""
    user_data: NotRequired[str]
    """Own user data: a script, which runs after the component's, or cloud-config. Its systemd unit
    should be called `application`, so that it is stopped before the instance is terminated, and may
    source `/opt/application/environment`. It lies in the launch template, readable to many, so it
    must not hold a secret. Default: none."""
    port: NotRequired[int]
    """Port that the application listens on (1 to 65535). Default: 8080."""
    health_path: NotRequired[str]
    """Path that answers 200 while the application can serve. Default: `/health`."""
    environment: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment variables by name; `PORT` is always set. They lie in the user data, so none may
    be a secret. Default: none."""
    secrets: NotRequired[Mapping[str, pulumi.Input[str]]]
    """ARN of a Secrets Manager secret or a Systems Manager parameter, by the name of the
    environment variable that gets its value when the application starts. Default: none."""
    metrics_namespace: NotRequired[str]
    """Namespace in CloudWatch under which the CloudWatch agent publishes what the application sends
    as StatsD to 127.0.0.1:8125, once a minute, added up by AutoScalingGroupName (1 to 255
    characters). Default: no agent."""
    stop_timeout_seconds: NotRequired[int]
    """Time that the application gets to stop before it is killed (seconds, 1 to 3600).
    Default: 30."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What runs on an instance, checked."""

    container_image: str | None
    user_data: str | None = field(repr=False)
    port: int
    health_path: str
    stop_timeout_seconds: int
    has_secrets: bool
    metrics_namespace: str | None = None

    @classmethod
    def from_args(cls, args: Mapping[str, Any], problems: Problems, path: str) -> "Application":
        """Check `args`; what is wrong goes into `problems` under `path`."""
        reader = Reader(problems, args, ApplicationArgs.__annotations__, path)
        args = args if isinstance(args, Mapping) else {}
        image = reader.text("container_image", "") or None
        if image and not _IMAGE.fullmatch(image):
            reader.note("container_image", "be an image with its tag or digest", image)
        user_data = reader.text("user_data", "", hidden=True) or None
        if user_data and image:
            reader.note("container_image", "be left out when user_data is given", image)
        # The text itself is not shown: it may hold a secret by mistake.
        if user_data and _part_type(user_data) is None:
            reader.note(
                "user_data",
                f"begin with one of {', '.join(_PART_TYPES)}",
                Hidden("another first line"),
            )
        health_path = reader.text("health_path", "/health")
        rule = breach(TARGET_GROUP, "healthCheck.path", health_path)
        if rule or not _PATH.fullmatch(health_path):
            reader.note("health_path", rule or "hold only letters, digits and /._~%-", health_path)
        _check_names(reader, args)
        namespace = reader.text("metrics_namespace", "") or None
        if namespace and not re.fullmatch(r"[^:].{0,254}", namespace):
            rule = "be a text of 1 to 255 characters, not beginning with a colon"
            reader.note("metrics_namespace", rule, namespace)
        return cls(
            container_image=image,
            user_data=user_data,
            port=reader.whole("port", 8080, 1, 65_535),
            health_path=health_path,
            stop_timeout_seconds=reader.whole("stop_timeout_seconds", 30, 1, 3600),
            has_secrets=bool(args.get("secrets")),
            metrics_namespace=namespace,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Lifecycle hooks that the watcher completes."""

    group_name: str
    launching: str | None
    """Only for groups with a warm pool."""
    terminating: str


def _check_names(reader: Reader, args: Mapping[str, Any]) -> None:
    for key in ("environment", "secrets"):
        values = args.get(key)
        if values is None:
            continue
        if not isinstance(values, Mapping):
            reader.note(key, "be a map from names to values", Hidden("something else"))
            continue
        for name, value in values.items():
            path = f"{key}.{name}"
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "PORT":
                reader.note(path, "be named by letters, digits and _, and not PORT", name)
            elif key == "secrets" and name in _names(args.get("environment")):
                reader.note(path, "not be in environment too", name)
            elif key == "secrets" and isinstance(value, str) and not is_secret_arn(value):
                # It may be the secret itself, given by mistake.
                reader.note(path, ARN_RULE, Hidden("another text"))


def _names(values: object) -> Mapping[str, Any]:
    return values if isinstance(values, Mapping) else {}


ARN_RULE = "be the ARN of a Secrets Manager secret or a Systems Manager parameter"


def is_secret_arn(value: str) -> bool:
    """Whether `value` names a secret of one of the two services that the instances can read."""
    return bool(_SECRET.fullmatch(value) or _PARAMETER.fullmatch(value))


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


def metrics_statements(application: Application) -> list[dict[str, Any]]:
    """Return the policy statements that let the agent publish, and find its group by a tag."""
    if application.metrics_namespace is None:
        return []
    return [
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": application.metrics_namespace}},
        },
        # It takes no resource: service authorization reference, Amazon EC2.
        {"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"},
    ]


def image_statements(application: Application, partition: str) -> list[dict[str, Any]]:
    """Return the policy statements that let a role pull the image, if it lies in ECR."""
    image = _ECR_IMAGE.match(application.container_image or "")
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
    application: Application,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    hooks: Hooks,
) -> str:
    """Return the user data: a script, or a multi-part message when the caller has their own."""
    script = _script(application, environment, secrets, hooks)
    if application.user_data is None:
        return script
    boundary = f"part-{short_digest(script, application.user_data, length=16)}"
    parts = (
        # cloud-init runs scripts in the order of their names.
        ("01-instance", _PART_TYPES["#!"], script),
        ("02-application", _part_type(application.user_data), application.user_data),
    )
    lines = [f'Content-Type: multipart/mixed; boundary="{boundary}"', "MIME-Version: 1.0", ""]
    for name, kind, text in parts:
        lines += [
            f"--{boundary}",
            f'Content-Type: {kind}; charset="utf-8"',
            "Content-Transfer-Encoding: 8bit",
            f'Content-Disposition: attachment; filename="{name}"',
            "",
            text,
        ]
    return "\n".join([*lines, f"--{boundary}--", ""])


def encoded(text: str, problems: Problems) -> str:
    """Return user data as a launch template takes it; note it in `problems` if it is too long."""
    result = base64.b64encode(text.encode()).decode()
    rule = breach(TEMPLATE, "userData", result)
    if rule:
        size = len(text.encode())
        problems.add("application", f"give user data that is {rule.removeprefix('be ')}", size)
    return result


def _part_type(text: str) -> str | None:
    return next((kind for start, kind in _PART_TYPES.items() if text.startswith(start)), None)


def _script(
    application: Application,
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
    if application.user_data is None:
        run = _run(application, [*environment, *secrets])
        files += [
            _file("/opt/application/run", run, executable=True),
            _file("/etc/systemd/system/application.service", _application_unit(application)),
        ]
        if application.container_image:
            steps += [
                "for _ in 1 2 3 4 5; do dnf install --assumeyes docker && break; sleep 5; done",
                "systemctl enable --now docker.service",
            ]
        else:
            files.append(_file("/opt/application/health_page.py", HEALTH_PAGE))
        steps.append("systemctl enable --now application.service")
    if application.metrics_namespace is not None:
        files.append(_file("/opt/application/agent.json", _agent(application.metrics_namespace)))
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
    application: Application, environment: Mapping[str, str], secrets: Mapping[str, str]
) -> str:
    lines = [f"export PORT={application.port}"]
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


def _run(application: Application, names: list[str]) -> str:
    lines = ["#!/bin/bash", "set -euo pipefail", ". /opt/application/environment"]
    image = application.container_image
    if image is None:
        path = shlex.quote(application.health_path)
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


def _application_unit(application: Application) -> str:
    timeout = application.stop_timeout_seconds
    if application.container_image:
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


def _lifecycle(application: Application, hooks: Hooks) -> str:
    settings = {
        "GROUP": hooks.group_name,
        "LAUNCHING": hooks.launching or "",
        "TERMINATING": hooks.terminating,
        "HEALTH": f"http://127.0.0.1:{application.port}{application.health_path}",
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
