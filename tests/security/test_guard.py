"""The embedded AWS answers the signed requests of its run, and nothing else."""

import http.client
import http.server
import json
import socket
import stat
import threading
from pathlib import Path

import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from surgeproof.emulator import run_directory
from surgeproof.emulator.guard import CLOSED
from surgeproof.emulator.moto_process import SERVICES
from tests.other_user import as_another_user
from tests.security.conftest import BUCKET, DOCUMENT, REGION, TOPIC

LIST_TOPICS = b"Action=ListTopics&Version=2010-03-31"
FORM = "application/x-www-form-urlencoded"

PAGES_OF_MOTO = [
    ("GET", "/moto-api/"),
    ("GET", "/moto-api"),
    ("GET", "/moto-api/data.json"),
    ("POST", "/moto-api/reset"),
    ("POST", "/moto-api/reset-auth"),
    ("POST", "/moto-api/seed?a=1"),
    ("POST", "/moto-api/config"),
    ("POST", "/moto-api/recorder/start-recording"),
    ("GET", "/moto-api/recorder/download-recording"),
    ("POST", "/moto-api/state-manager/set-transition"),
    ("GET", "/favicon.ico"),
    ("GET", "/latest/meta-data/iam/security-credentials/"),
    ("PUT", "/latest/api/token"),
]
"""What resets moto, configures it, or shows what it holds."""


@pytest.fixture
def signed(embedded):
    """Return a function that gives a signed request's headers."""

    def signing(
        method="POST", path="/", body=LIST_TOPICS, *, service="sns", host=None, keys=None, **more
    ):
        key = embedded.emulator.credentials
        host = host or f"127.0.0.1:{embedded.port}"
        headers = {"Host": host, "Content-Type": FORM, **more}
        request = AWSRequest(method, f"http://{host}{path}", headers, data=body)
        signer = Credentials(key.access_key_id, keys or key.secret_access_key)
        SigV4Auth(signer, service, REGION).add_auth(request)
        return dict(request.headers.items())

    return signing


@pytest.fixture
def send(embedded):
    """Return a function that sends a request as it is; gives status, headers and body."""

    def sending(headers, method="POST", path="/", body=LIST_TOPICS):
        connection = http.client.HTTPConnection("127.0.0.1", embedded.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        allowed = [name for name in answer.headers if name.lower().startswith("access-control")]
        assert allowed == []
        return answer.status, text

    return sending


@pytest.fixture(autouse=True, scope="module")
def unchanged(embedded):
    """Whatever is done here, what the embedded AWS holds stays as it was."""
    before = embedded.holds()
    yield
    assert embedded.holds() == before


def test_a_signed_request_is_answered(signed, send):
    status, text = send(signed())

    assert status == 200
    assert TOPIC in text


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"Authorization": None}, id="unsigned"),
        pytest.param({"Authorization": ""}, id="empty-signature"),
        pytest.param({"Authorization": "AWS AKIAEXAMPLEEXAMPLE12:c2ln"}, id="signature-version-2"),
        pytest.param({"Origin": "http://evil.example"}, id="foreign-origin"),
        pytest.param({"Origin": "null"}, id="origin-of-a-file"),
        pytest.param({"Origin": ""}, id="empty-origin"),
        pytest.param({"Host": None}, id="no-host"),
        pytest.param({"X-Amz-Date": "20200101T000000Z"}, id="other-date"),
        pytest.param({"X-Amz-Date": None}, id="no-date"),
        pytest.param({"Content-Type": "text/plain"}, id="other-content-type"),
    ],
)
def test_a_request_with_another_header_is_not(signed, send, change):
    headers = signed() | change

    status, text = send({name: value for name, value in headers.items() if value is not None})

    assert status == 403
    assert CLOSED in text
    assert TOPIC not in text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost:{port}", "127.0.0.1", "127.0.0.1:1"]
)
def test_a_request_for_another_host_is_not(embedded, signed, send, host):
    """A page whose name was made to resolve to this machine sends its own name."""
    status, text = send(signed(host=host.format(port=embedded.port)))

    assert (status, CLOSED in text) == (403, True)


def test_a_host_is_named_once(embedded, signed):
    """Also where the request's first line or a second header names another."""
    here = f"127.0.0.1:{embedded.port}"
    for line, hosts in (
        ("POST http://evil.example/ HTTP/1.1", [here]),
        (f"POST http://{here}/ HTTP/1.1", ["evil.example"]),
        ("POST / HTTP/1.1", [here, "evil.example"]),
        ("POST / HTTP/1.1", ["evil.example", here]),
    ):
        headers = signed()
        del headers["Host"]
        lines = [line, *(f"Host: {host}" for host in hosts)]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        text = "\r\n".join([*lines, f"Content-Length: {len(LIST_TOPICS)}", "", ""])
        with socket.create_connection(("127.0.0.1", embedded.port)) as raw:
            raw.sendall(text.encode() + LIST_TOPICS)
            assert raw.recv(4096).startswith(b"HTTP/1.1 403 "), line


def test_what_was_signed_is_what_is_done(signed, send):
    """Neither another secret, nor another method, path, query or body."""
    topics = LIST_TOPICS.replace(b"ListTopics", b"ListSubscriptions")

    answers = [
        send(signed(keys="guessed")),
        send(signed(), method="PUT"),
        send(signed(), path="/other"),
        send(signed(), path="/?Action=ListTopics"),
        send(signed(), body=topics),
        send(signed(), body=b""),
        send(
            {
                name: value.replace(f"/{REGION}/sns/", f"/{REGION}/ssm/")
                for name, value in signed().items()
            }
        ),
        send(
            {
                name: value.replace("content-type;host;", "content-type;")
                for name, value in signed().items()
            }
        ),
    ]

    assert [status for status, _ in answers] == [403] * len(answers)


def test_a_url_that_is_signed_in_advance_is_not_answered(embedded, send):
    """It would be a secret in the form of a link."""
    for version in ("s3v4", "s3"):
        url = embedded.client(
            "s3", config=Config(signature_version=version)
        ).generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET})
        path = url.removeprefix(embedded.emulator.url)
        host = {"Host": f"127.0.0.1:{embedded.port}"}

        status, text = send(host, method="GET", path=path, body=b"")

        assert (status, CLOSED in text) == (403, True), url


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("s3", lambda client: client.list_buckets()),
        ("s3", lambda client: client.list_objects_v2(Bucket=BUCKET)),
        ("ssm", lambda client: client.get_document(Name=DOCUMENT)),
        ("sns", lambda client: client.list_topics()),
        ("ec2", lambda client: client.describe_vpcs()),
        ("sts", lambda client: client.get_caller_identity()),
    ],
    ids=["buckets", "objects", "document", "topics", "networks", "identity"],
)
@pytest.mark.parametrize("keys", ["other", "anonymous"])
def test_a_client_with_other_credentials_is_told_so(embedded, service, call, keys):
    config = Config(signature_version=UNSIGNED) if keys == "anonymous" else None
    client = embedded.client(
        service,
        config=config,
        aws_access_key_id="any",
        aws_secret_access_key="any",  # noqa: S106 - it is none
    )

    with pytest.raises(ClientError) as caught:
        call(client)

    assert caught.value.response["Error"] == {"Code": "AccessDenied", "Message": CLOSED} | {
        key: value
        for key, value in caught.value.response["Error"].items()
        if key not in {"Code", "Message"}
    }


@pytest.mark.parametrize(("method", "path"), PAGES_OF_MOTO)
@pytest.mark.parametrize("service", ["s3", "moto_api", "instance_metadata"])
def test_what_resets_and_configures_moto_is_closed_to_everybody(
    signed, send, method, path, service
):
    status, _ = send(signed(method, path, b"", service=service), method, path, b"")

    assert status == 501


@pytest.mark.parametrize(("method", "path"), PAGES_OF_MOTO)
def test_nor_are_they_shown_without_a_signature(embedded, send, method, path):
    status, text = send({"Host": f"127.0.0.1:{embedded.port}"}, method, path, b"")

    assert (status, CLOSED in text) == (403, True)


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("lambda", lambda client: client.list_functions()),
        ("batch", lambda client: client.describe_jobs(jobs=["any"])),
        ("apigateway", lambda client: client.get_rest_apis()),
        ("stepfunctions", lambda client: client.list_state_machines()),
        ("cloudformation", lambda client: client.list_stacks()),
        ("firehose", lambda client: client.list_delivery_streams()),
        ("dynamodb", lambda client: client.list_tables()),
    ],
)
def test_services_that_no_stack_uses_are_not_served(embedded, service, call):
    """Some of moto's run code or fetch what a request names."""
    with pytest.raises(ClientError) as caught:
        call(embedded.client(service))

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "is of a service not served here" in caught.value.response["Error"]["Message"]


CALLS = {
    "acm": "list_certificates",
    "autoscaling": "describe_auto_scaling_groups",
    "budgets": "describe_budgets",
    "cloudwatch": "describe_alarms",
    "ec2": "describe_vpcs",
    "elbv2": "describe_target_groups",
    "events": "list_rules",
    "iam": "list_roles",
    "kms": "list_keys",
    "logs": "describe_log_groups",
    "rds": "describe_db_instances",
    "route53": "list_hosted_zones",
    "s3": "list_buckets",
    "secretsmanager": "list_secrets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "ssm": "describe_parameters",
    "sts": "get_caller_identity",
    "wafv2": "list_web_acls",
}
ARGUMENTS = {"budgets": {"AccountId": "123456789012"}, "wafv2": {"Scope": "REGIONAL"}}


@pytest.mark.parametrize("service", SERVICES)
def test_services_that_stacks_use_are(embedded, service):
    call = getattr(embedded.client(service), CALLS[service])

    answer = call(**ARGUMENTS.get(service, {}))

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("path", ["/surgeproof/health", "/surgeproof/holdings"])
def test_our_own_pages_are_shown_to_who_proves_to_know_the_secret(embedded, signed, send, path):
    host = {"Host": f"127.0.0.1:{embedded.port}"}
    key = embedded.emulator.credentials
    nonce = {"X-Surgeproof-Nonce": "once"}
    proof = {"X-Surgeproof-Proof": key.proof("ask", path, "once")}
    other = {"X-Surgeproof-Proof": key.proof("ask", "/surgeproof/other", "once")}

    answers = [
        send(each, method="GET", path=path, body=b"")[0]
        for each in (
            host | nonce | proof,
            host,
            host | nonce,
            host | proof,
            host | nonce | other,
            host | nonce | {"X-Surgeproof-Proof": "\u00e9"},
            host | nonce | proof | {"Origin": "http://evil.example"},
            signed("GET", path, b""),
        )
    ]

    assert answers == [200, *[403] * 7]


def test_who_answers_in_its_place_is_not_believed(embedded, monkeypatch):
    """The port of an emulator that has just ended, taken by somebody else's process."""
    answer = b'{"pid": 1}'

    class Impostor(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("X-Surgeproof-Proof", self.headers["X-Surgeproof-Proof"])
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    record = embedded.record.read_text()
    with http.server.HTTPServer(("127.0.0.1", 0), Impostor) as impostor:
        threading.Thread(target=impostor.serve_forever, daemon=True).start()
        monkeypatch.setattr(
            run_directory,
            "read_json",
            lambda _: json.loads(record) | {"port": impostor.server_port},
        )
        assert embedded.directory.emulator() is None
        impostor.shutdown()

    monkeypatch.undo()
    assert embedded.directory.emulator() == embedded.emulator


def test_an_emulator_without_a_secret_is_not_used(embedded, monkeypatch):
    """One that an earlier version has started."""
    record = json.loads(embedded.record.read_text())
    del record["secretAccessKey"]
    monkeypatch.setattr(run_directory, "read_json", lambda _: record)

    assert embedded.directory.emulator() is None


def test_the_secret_is_for_its_owner_only(embedded):
    assert stat.S_IMODE(embedded.record.stat().st_mode) == 0o600

    key, shown = embedded.emulator.credentials, b""
    process = Path("/proc") / str(embedded.emulator.process.pid)
    if process.exists():
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    for secret in (key.access_key_id, key.secret_access_key):
        assert secret.encode() not in shown
    assert key.secret_access_key not in repr(embedded.emulator)


ATTACK = """
import http.client, json, pathlib, urllib.parse
import boto3, botocore.auth, botocore.awsrequest, botocore.credentials
record, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
client = boto3.Session("AKIA" + "A" * 16, "guessed", region_name="eu-central-1").client(
    "s3", endpoint_url=f"http://127.0.0.1:{port}")
become_another_user()
got = []
try:
    got.append(record.read_text())
except PermissionError:
    pass
try:
    got.append(client.list_buckets())
except Exception as error:
    assert "AccessDenied" in str(error), error
for method, path in [("GET", "/"), ("POST", "/moto-api/reset"), ("GET", "/moto-api/data.json"),
                     ("GET", "/surgeproof/health"), ("GET", "/surgeproof/holdings")]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path)
    answer = connection.getresponse()
    if answer.status != 403:
        got.append((path, answer.status, answer.read()))
print(got)
"""


def test_another_user_of_the_machine_gets_nothing(embedded):
    assert as_another_user(ATTACK, str(embedded.record), str(embedded.port)) == "[]\n"
