import pytest
from botocore.exceptions import EndpointConnectionError

from surgeproof.emulator.clients import Clients, RemoteEndpointError

HOSTILE = {
    "AWS_PROFILE": "missing",
    "AWS_DEFAULT_PROFILE": "missing",
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_REGION": "mars-north-1",
    "AWS_DEFAULT_REGION": "mars-north-1",
    "AWS_CA_BUNDLE": "/nonexistent",
    "AWS_DATA_PATH": "/nonexistent",
    "AWS_MAX_ATTEMPTS": "many",
    "AWS_RETRY_MODE": "odd",
    "AWS_DEFAULTS_MODE": "odd",
    "AWS_CSM_ENABLED": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_ENDPOINT_URL": "http://elsewhere.example",
    "AWS_ENDPOINT_URL_EC2": "http://elsewhere.example",
    "HTTP_PROXY": "http://proxy.example:1",
    "http_proxy": "http://proxy.example:1",
    "REQUESTS_CA_BUNDLE": " ",
}
CONFIG = """
[default]
region = mars-north-1
endpoint_url = http://elsewhere.example
aws_access_key_id = AKIAREALREALREALREAL
aws_secret_access_key = real
"""


@pytest.fixture
def hostile(monkeypatch, tmp_path):
    for name in ("config", "credentials"):
        (tmp_path / name).write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)


def test_nothing_of_the_environment_reaches_a_client(hostile):
    client = Clients("http://127.0.0.1:9", "eu-central-1").client("ec2")

    credentials = client._request_signer._credentials
    assert client.meta.region_name == "eu-central-1"
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert (credentials.access_key, credentials.secret_key, credentials.token) == (
        "embedded",
        "embedded",
        None,
    )


def test_a_request_goes_to_the_endpoint_and_through_no_proxy(hostile):
    client = Clients("http://127.0.0.1:9", "eu-central-1").client("ec2")

    with pytest.raises(EndpointConnectionError, match=r"http://127\.0\.0\.1:9/"):
        client.describe_vpcs()


@pytest.mark.parametrize(
    "url",
    [
        "https://ec2.eu-central-1.amazonaws.com",
        "http://10.0.0.1:5000",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://example.com#@127.0.0.1",
        "",
    ],
)
def test_an_endpoint_elsewhere_is_refused(url):
    with pytest.raises(RemoteEndpointError, match="must be on this machine"):
        Clients(url, "eu-central-1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_an_endpoint_on_this_machine_is_taken(host):
    assert Clients(f"http://{host}:5000", "eu-central-1").region == "eu-central-1"


def test_an_endpoint_elsewhere_is_taken_when_it_is_allowed():
    clients = Clients("http://aws.example:4566", "eu-central-1", allow_remote=True)

    assert clients.client("sts").meta.endpoint_url == "http://aws.example:4566"


def test_a_client_is_made_once():
    clients = Clients("http://127.0.0.1:9", "eu-central-1")

    assert clients.client("sts") is clients.client("sts")
