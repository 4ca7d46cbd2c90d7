"""Pulumi's release is taken from a local HTTPS server, right, wrong, cut, slow and malicious."""

import gzip
import hashlib
import http.server
import io
import ipaddress
import json
import os
import ssl
import tarfile
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from surgeproof.emulator import engine, release

VERSION = str(engine.required_version())
PULUMI = b"""#!/bin/sh
env > "$(dirname "$0")/environment"
echo v%s
""" % VERSION.encode()


def archive(**members) -> bytes:
    """Return a packed archive; a member is its content, or the target of a link."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as writer:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                writer.addfile(info)
            else:
                info.size = len(content)
                writer.addfile(info, io.BytesIO(content))
    return packed.getvalue()


GOOD = archive(**{"pulumi/pulumi-language-python": b"no", "pulumi/pulumi": PULUMI})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that nobody vouches for but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def serve(certificate, monkeypatch, tmp_path):
    """Return a function that lets this machine's server stand in for Pulumi's, and its requests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine, "_built", _cannot_build)
    servers = []

    def start(answer, digest=None):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                answer(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        origin = f"https://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(release, "ORIGIN", f"{origin}/releases/sdk")
        record = tmp_path / "releases.json"
        record.write_text(
            json.dumps(
                {
                    "version": VERSION,
                    "source": "a test",
                    "sha256": {release.platform_name(): digest or hashlib.sha256(GOOD).hexdigest()},
                }
            )
        )
        monkeypatch.setattr(release, "RECORD", record)
        return origin, asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _cannot_build(_):
    raise engine.EngineError("no build in this test")


def send(content, *, size=None):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if size is None else size))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def why_not(said: str) -> str:
    """Return what the finder says of the release, and see that it left nothing behind."""
    with pytest.raises(engine.EngineError) as raised:
        engine.find_engine()
    (line,) = [each for each in str(raised.value).splitlines() if "Pulumi's release: " in each]
    assert [path.name for path in engine.cache_directory().rglob("*")] == ["engine", "building"]
    reason = line.removeprefix("  - Pulumi's release: ")
    assert reason.startswith(said), reason
    return reason


def test_the_release_is_taken_where_its_hash_is_the_published_one(serve):
    _, asked = serve(send(GOOD))
    said = []

    found = engine.find_engine(said.append)

    assert asked == [f"/releases/sdk/pulumi-v{VERSION}-{release.platform_name()}.tar.gz"]
    assert found.read_bytes() == PULUMI
    assert sorted(path.name for path in found.parent.iterdir()) == [
        "environment",
        "pulumi",
        "pulumi.sha256",
    ]
    assert "hunter2" not in (found.parent / "environment").read_text()
    assert said[0] == f"fetching Pulumi's release {VERSION}"
    assert said[-1] == "fetching Pulumi's release: 100 %"
    # The next time it is there, and no one is asked.
    assert engine.find_engine(said.append) == found
    assert len(asked) == 1


def test_another_hash_is_refused(serve):
    serve(send(archive(**{"pulumi/pulumi": PULUMI + b"# evil\n"})))

    why_not(f"SHA-256 must be {hashlib.sha256(GOOD).hexdigest()}, got ")


@pytest.mark.parametrize("size", [None, len(GOOD), 10**12])
def test_an_archive_that_is_cut_off_is_refused(serve, size):
    serve(send(GOOD[:-9], size=size))

    why_not("SHA-256 must be " if size is None else "must be ")


def test_an_archive_without_end_is_refused(serve, monkeypatch):
    monkeypatch.setattr(release, "MOST_BYTES", 1 << 16)
    serve(send(bytes(1 << 20)))

    why_not("must be at most 65536 bytes, got more")


@pytest.mark.parametrize("status", [404, 500])
def test_a_release_that_is_not_there(serve, status):
    serve(lambda handler: handler.send_error(status))

    why_not("HTTPError: ")


def test_a_redirect_is_followed_by_https_only(serve):
    def moved(handler):
        if handler.path.startswith("/releases"):
            handler.send_response(302)
            handler.send_header("Location", f"{target[0]}/elsewhere.tar.gz")
            handler.end_headers()
        else:
            send(GOOD)(handler)

    target = ["http://127.0.0.1:9"]
    origin, asked = serve(moved)
    why_not("must stay with HTTPS, got a redirect to http://127.0.0.1:9/elsewhere.tar.gz")

    target[0] = origin
    assert engine.find_engine().read_bytes() == PULUMI
    assert asked[-1] == "/elsewhere.tar.gz"


def test_a_server_that_nobody_vouches_for_is_refused(serve, monkeypatch):
    _, asked = serve(send(GOOD))
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)

    why_not("URLError: [SSL: CERTIFICATE_VERIFY_FAILED]")
    assert asked == []


@pytest.mark.parametrize("pause", [0.2, 60], ids=["trickles", "silent"])
def test_a_slow_server_is_given_up(serve, monkeypatch, pause):
    monkeypatch.setattr(release, "LONGEST_SECONDS", 0.7)
    monkeypatch.setattr(release, "SILENT_SECONDS", 0.4)
    given_up = threading.Event()

    def trickle(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            if given_up.wait(pause):
                return

    serve(trickle)
    began = time.monotonic()
    why_not("took longer than 0.7 s" if pause < 1 else "TimeoutError: ")
    given_up.set()

    assert time.monotonic() - began < 5


EVIL = {
    "climbs": {"../../pulumi": PULUMI, "/tmp/pulumi": PULUMI, "pulumi/../pulumi": PULUMI},  # noqa: S108
    "link": {"pulumi/pulumi": "/bin/sh"},
    "link first": {"pulumi": "/tmp", "pulumi/pulumi": "/etc/passwd"},  # noqa: S108
    "empty": {},
}


@pytest.mark.parametrize("members", EVIL.values(), ids=EVIL)
def test_an_archive_writes_nothing_but_the_engine(serve, members):
    packed = archive(**members)
    serve(send(packed), hashlib.sha256(packed).hexdigest())

    why_not("must hold a file pulumi/pulumi, got none")


def test_of_an_archive_with_more_the_engine_alone_is_taken(serve, tmp_path):
    packed = archive(**{"../../evil": b"evil", "pulumi/pulumi": PULUMI, "pulumi/more": b"more"})
    serve(send(packed), hashlib.sha256(packed).hexdigest())

    assert engine.find_engine().read_bytes() == PULUMI
    assert not list(tmp_path.rglob("evil"))
    assert not list(tmp_path.rglob("more"))


@pytest.mark.parametrize(
    "packed", [b"<html>", gzip.compress(b"no archive"), GOOD[: len(GOOD) // 2]], ids=len
)
def test_what_is_no_archive_is_refused(serve, packed):
    serve(send(packed), hashlib.sha256(packed).hexdigest())

    why_not("cannot be unpacked: " if packed != b"<html>" else "")


def test_a_release_that_tells_another_version_is_refused(serve):
    packed = archive(**{"pulumi/pulumi": b"#!/bin/sh\necho v3.200.0\n"})
    serve(send(packed), hashlib.sha256(packed).hexdigest())

    with pytest.raises(engine.EngineError, match=f"must have version {VERSION}, got 3.200.0"):
        engine.find_engine()


@pytest.mark.parametrize(
    ("version", "platform"), [("3.258.0", None), (VERSION, "plan9-mips")], ids=str
)
def test_without_a_published_hash_nothing_is_fetched(serve, monkeypatch, version, platform):
    _, asked = serve(send(GOOD))
    if platform:
        monkeypatch.setattr(release, "platform_name", lambda: platform)
    record = json.loads(release.RECORD.read_text()) | {"version": version}
    release.RECORD.write_text(json.dumps(record))

    why_not(f"no SHA-256 of {VERSION} for {release.platform_name()} is recorded")
    assert asked == []


def test_the_record_is_of_the_version_that_is_built():
    record = json.loads((engine.TOOLS / "pulumi" / "releases.json").read_text())

    assert record["version"] == VERSION
    assert record["source"].startswith("https://")
    assert all(len(bytes.fromhex(digest)) == 32 for digest in record["sha256"].values())
    assert {"linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"} == set(record["sha256"])
