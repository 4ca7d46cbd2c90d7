import email
import http.client
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from surgeproof.components.service.application import (
    HEALTH_PAGE,
    ApplicationArgs,
    Hooks,
    encoded,
    image_statements,
    metrics_statements,
    secret_statements,
    user_data,
)
from surgeproof.components.service.auto_scaling_group_settings import AUTO_SCALING_GROUP
from surgeproof.settings.errors import ArgsError
from tests.unit.service.test_auto_scaling_group import GOOD

DB_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db/password-AbCdEf"
API_KEY_ARN = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/api-key"
ECR_IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1.4"
HOOKS = Hooks(group_name="shop-test-web", launching=None, terminating="drained")


def check(args) -> ApplicationArgs:
    return AUTO_SCALING_GROUP.check({**GOOD, "application": args})["application"]


def script(args, environment=None, secrets=None, hooks=HOOKS) -> str:
    return user_data(check(args), environment or {}, secrets or {}, hooks)


def file_in(text: str, path: str) -> str:
    """Return what the user data writes to `path`."""
    _, _, rest = text.partition(f"cat > {path} <<'")
    end, _, rest = rest.partition("'\n")
    return rest.partition(f"\n{end}\n")[0] + "\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"port": 0}, "port: must be a whole number from 1 to 65535, got 0"),
        (
            {"metrics_namespace": ":a"},
            (
                "metrics_namespace: must be a text of 1 to 255 characters, not beginning with a "
                "colon, got ':a'"
            ),
        ),
        ({"port": 70000}, "port: must be a whole number from 1 to 65535, got 70000"),
        ({"health_path": "health"}, "health_path: must be a path such as /health, got 'health'"),
        (
            {"health_path": "/a b"},
            "health_path: must be a path such as /health, got '/a b'",
        ),
        (
            {"container_image": "web; rm -rf /"},
            "container_image: must be an image with its tag or digest, got 'web; rm -rf /'",
        ),
        (
            {"container_image": "web:1", "user_data": "#!/bin/sh"},
            "container_image: must be left out when application.user_data is given, got 'web:1'",
        ),
        (
            {"user_data": "export TOKEN=hunter2"},
            (
                "user_data: must begin with #!, #cloud-config, #cloud-boothook or #include, "
                "got [secret]"
            ),
        ),
        (
            {"environment": {"A-B": "1"}},
            (
                "environment: must have names of letters, digits and _, and not PORT (it has "
                "'A-B'), got [secret]"
            ),
        ),
        (
            {"environment": {"PORT": "1"}},
            (
                "environment: must have names of letters, digits and _, and not PORT (it has "
                "'PORT'), got [secret]"
            ),
        ),
        (
            {"secrets": {"KEY": "hunter2"}},
            (
                "secrets.KEY: must be the ARN of a Secrets Manager secret or a Systems Manager "
                "parameter, got [secret]"
            ),
        ),
        (
            {"environment": {"KEY": "1"}, "secrets": {"KEY": DB_ARN}},
            "secrets.KEY: must not be in application.environment too, got 'KEY'",
        ),
        (
            {"stop_timeout_seconds": 3601},
            "stop_timeout_seconds: must be a whole number from 1 to 3600, got 3601",
        ),
        ({"prot": 1}, "prot: must be a key that exists (nearest: port), got 'prot'"),
    ],
)
def test_wrong_arguments_are_refused(args, message):
    with pytest.raises(ArgsError) as error:
        check(args)

    assert str(error.value) == f"AutoScalingGroup.application.{message}"


@pytest.mark.parametrize(
    "args",
    [{}, {"container_image": "web:1"}, {"container_image": ECR_IMAGE}],
    ids=["health page", "container", "container from ECR"],
)
def test_the_user_data_and_the_scripts_in_it_are_valid_bash(args):
    environment = {"GREETING": 'it\'s\n$(reboot) `reboot` "END"'}

    text = script(args, environment, {"PASSWORD": DB_ARN, "KEY": API_KEY_ARN})

    paths = ("environment", "lifecycle", "run")
    inner = [file_in(text, f"/opt/application/{name}") for name in paths]
    for each in [text, *inner]:
        checked = subprocess.run(
            ["bash", "-n"], input=each, text=True, capture_output=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")


def test_the_environment_reaches_the_application_unchanged(tmp_path):
    value = 'it\'s\n$(reboot) `reboot` "END" \\'
    text = script({"port": 9000}, {"GREETING": value})
    (tmp_path / "environment").write_text(file_in(text, "/opt/application/environment"))

    printed = subprocess.run(
        ["bash", "-c", '. ./environment; printf "%s|%s" "$PORT" "$GREETING"'],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=True,
    ).stdout

    assert printed == f"9000|{value}"


@pytest.mark.parametrize(
    ("arn", "call"),
    [
        (
            DB_ARN,
            (
                f"secretsmanager get-secret-value --secret-id {DB_ARN} --query SecretString "
                "--region eu-west-1 --output text"
            ),
        ),
        (
            API_KEY_ARN,
            (
                f"ssm get-parameter --with-decryption --name {API_KEY_ARN} --query Parameter.Value "
                "--region eu-central-1 --output text"
            ),
        ),
    ],
    ids=["secret", "parameter"],
)
def test_a_secret_is_fetched_when_the_application_starts(tmp_path, arn, call):
    text = script({}, secrets={"PASSWORD": arn})
    (tmp_path / "environment").write_text(file_in(text, "/opt/application/environment"))
    program(tmp_path, "aws", 'printf "%s" "fetched: $*"')

    printed = subprocess.run(
        ["bash", "-c", ". ./environment; printenv PASSWORD"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        text=True,
        capture_output=True,
        check=True,
    ).stdout

    assert printed.rstrip("\n") == f"fetched: {call}"


def test_an_application_does_not_start_without_its_secrets(tmp_path):
    text = script({}, secrets={"PASSWORD": DB_ARN})
    (tmp_path / "environment").write_text(file_in(text, "/opt/application/environment"))
    program(tmp_path, "aws", "exit 254")

    run = subprocess.run(
        ["bash", "-c", "set -e; . ./environment; echo started"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        text=True,
        capture_output=True,
        check=False,
    )

    assert (run.returncode, run.stdout) == (1, "")


def test_a_role_may_read_exactly_the_secrets_named():
    statements = secret_statements({"PASSWORD": DB_ARN, "KEY": API_KEY_ARN, "AGAIN": DB_ARN})

    assert statements == [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": [DB_ARN]},
        {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": [API_KEY_ARN]},
    ]


def test_an_image_in_ecr_may_be_pulled_and_no_other():
    statements = image_statements(check({"container_image": ECR_IMAGE}), "aws")

    assert statements == [
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": "arn:aws:ecr:eu-central-1:123456789012:repository/shop/web",
        },
    ]
    assert image_statements(check({"container_image": "nginx:1.29"}), "aws") == []


def test_a_container_gets_its_variables_by_name_only():
    text = script({"container_image": "web:1"}, {"GREETING": "hello"}, {"PASSWORD": DB_ARN})

    run = file_in(text, "/opt/application/run").splitlines()[-1]
    assert run == (
        "exec docker run --rm --name application --network host --log-driver local "
        "--env PORT --env GREETING --env PASSWORD web:1"
    )


def test_a_container_gets_its_stop_timeout_from_docker_before_systemd_gives_up():
    text = script({"container_image": "web:1", "stop_timeout_seconds": 45})

    unit = file_in(text, "/etc/systemd/system/application.service").splitlines()
    assert "ExecStop=/usr/bin/docker stop -t 45 application" in unit
    assert "TimeoutStopSec=55" in unit


def test_own_user_data_runs_after_the_components():
    own = "#cloud-config\npackages: [nginx]\n"

    message = email.message_from_string(script({"user_data": own}, {"GREETING": "hello"}))

    component, application = message.get_payload()
    assert component.get_content_type() == "text/x-shellscript"
    assert "export GREETING=hello" in component.get_payload()
    assert "application.service <<" not in component.get_payload()
    assert application.get_content_type() == "text/cloud-config"
    assert application.get_payload().strip() == own.strip()
    assert component.get_filename() < application.get_filename()


def test_the_default_user_data_leaves_room():
    assert len(script({}).encode()) < 6 * 1024


def test_too_long_user_data_is_refused():
    too_long = "#!/bin/sh\n" + "#" * 16_000

    with pytest.raises(
        ArgsError, match=r"^AutoScalingGroup\.application: must give user data that"
    ):
        check({"user_data": too_long})
    with pytest.raises(
        ArgsError, match=r"^AutoScalingGroup\.application: must give user data that"
    ):
        encoded(too_long + "#" * 1000)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def health_page(tmp_path):
    (tmp_path / "health_page.py").write_text(HEALTH_PAGE)
    port = free_port()
    process = subprocess.Popen([sys.executable, tmp_path / "health_page.py", str(port), "/up"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield process, port
    process.kill()
    process.wait()


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_health_page_answers_on_its_path_and_stops_when_told(health_page):
    process, port = health_page

    healthy = ask(port, "/up")
    missing = ask(port, "/other")
    process.terminate()

    assert healthy == (200, b"ok\n")
    assert missing == (404, b"not found\n")
    assert process.wait(timeout=10) == 0


def program(folder, name, body):
    path = folder / name
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


class Instance:
    """An instance as the watcher sees it: metadata, AWS CLI and systemd are small scripts."""

    def __init__(self, folder, text):
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        program(
            folder,
            "curl",
            f"""
            for last; do :; done
            case "$last" in
              */token) echo token ;;
              */region) echo eu-central-1 ;;
              */instance-id) echo i-1 ;;
              */target-lifecycle-state) cat {folder}/state ;;
              *) test -e {folder}/healthy ;;
            esac""",
        )
        program(
            folder,
            "aws",
            f"""
            test -e {folder}/waits || exit 255
            echo "aws $2 $8" >> {folder}/log""",
        )
        program(folder, "systemctl", f'echo "systemctl $*" >> {folder}/log')
        (folder / "lifecycle").write_text(file_in(text, "/opt/application/lifecycle"))

    def is_to_become(self, state):
        (self.folder / "state.new").write_text(state)
        (self.folder / "state.new").rename(self.folder / "state")

    def has(self, fact):
        (self.folder / fact).touch()

    def lines(self, count):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            lines = self.log.read_text().splitlines()
            if len(lines) >= count:
                return lines
            time.sleep(0.05)
        return self.log.read_text().splitlines()

    def settles_on(self, state):
        deadline = time.monotonic() + 20
        settled = self.folder / "settled"
        while time.monotonic() < deadline:
            if settled.exists() and settled.read_text() == f"{state}\n":
                return True
            time.sleep(0.05)
        return False


@pytest.fixture
def instance(tmp_path, request):
    hooks = Hooks(group_name="shop-test-web", launching=request.param, terminating="drained")
    made = Instance(tmp_path, script({}, hooks=hooks))
    made.is_to_become("InService")
    process = subprocess.Popen(
        ["bash", tmp_path / "lifecycle"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "STATE": str(tmp_path / "settled"),
            "INTERVAL": "0.05",
        },
        start_new_session=True,
    )
    yield made
    process.kill()
    process.wait()


@pytest.mark.parametrize("instance", [None], indirect=True, ids=["no warm pool"])
def test_the_application_stops_only_once_the_load_balancer_has_drained_it(instance):
    assert instance.settles_on("InService")
    instance.is_to_become("Terminated")
    time.sleep(0.5)
    before = instance.lines(0)
    instance.has("waits")

    after = instance.lines(3)

    assert before == []
    assert after == [
        "aws record-lifecycle-action-heartbeat drained",
        "systemctl stop application",
        "aws complete-lifecycle-action drained",
    ]


@pytest.mark.parametrize("instance", ["ready"], indirect=True, ids=["warm pool"])
def test_an_instance_is_ready_once_its_application_answers(instance):
    instance.has("waits")
    time.sleep(0.5)
    before = instance.lines(0)
    instance.has("healthy")

    after = instance.lines(1)

    assert before == []
    assert after == ["aws complete-lifecycle-action ready"]


@pytest.mark.parametrize("instance", ["ready"], indirect=True, ids=["warm pool"])
def test_an_instance_goes_back_to_the_warm_pool_without_being_stopped(instance):
    instance.has("waits")
    instance.has("healthy")
    assert instance.settles_on("InService")
    instance.is_to_become("Warmed:Stopped")

    lines = instance.lines(2)

    assert lines == ["aws complete-lifecycle-action ready", "aws complete-lifecycle-action drained"]


def test_the_agent_adds_up_what_the_application_sends():
    text = script({"metrics_namespace": "Shop"})

    agent = json.loads(file_in(text, "/opt/application/agent.json"))
    assert agent["metrics"]["namespace"] == "Shop"
    assert agent["metrics"]["aggregation_dimensions"] == [["AutoScalingGroupName"]]
    assert agent["metrics"]["metrics_collected"]["statsd"]["service_address"] == "127.0.0.1:8125"
    # An instance whose agent cannot be installed serves all the same.
    assert text.rstrip().endswith("-c file:/opt/application/agent.json || true")


def test_without_a_namespace_there_is_no_agent():
    assert "amazon-cloudwatch-agent" not in script({})


def test_the_agent_may_publish_under_its_namespace_only():
    publish, tags = metrics_statements(check({"metrics_namespace": "Shop"}))

    assert publish["Action"] == "cloudwatch:PutMetricData"
    assert publish["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Shop"}}
    assert tags["Action"] == "ec2:DescribeTags"
