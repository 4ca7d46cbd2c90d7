"""A page of another origin, in a real browser, gets nothing of a run and changes nothing."""

import http.server
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.parsers import ResponseParserError

from tests.browser import launched
from tests.security.conftest import BUCKET, DOCUMENT, REGION, TOPIC, fill

SCRIPT = Path(__file__).with_name("attack.js").read_text()
PAGE = f"<!doctype html><title>a nice page</title><body><script>{SCRIPT}</script>"
EVIL = "evil.example"
WITHOUT_GAIN = {
    "our own pages",
    "post a form",
    "post an object, unseen",
    "seed",
    "frame",
    "socket",
    "events",
    "beacon",
    "image",
    "script",
    "style",
}
"""Ways by which a page sees nothing even of a server without a guard."""

RESETS = ("reset", "reset, unseen", "reset by a form")


class Attacker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.server.delivered.append(self.path)
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def attacker():
    """The attacker's web server, which notes what is sent to it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Attacker) as server:
        server.delivered = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """A browser in which another name leads to this machine, and which protects nothing itself."""
    flags = (
        f"--host-resolver-rules=MAP {EVIL} 127.0.0.1",
        "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
    )
    with launched(*flags) as started:
        yield started


@pytest.fixture
def attack(browser, attacker):
    """Return a function that opens the page in some origin, and gives what it got."""
    contexts = []

    def attacking(target, *, origin, only=None, but=()):
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        # A name that first leads to the attacker, for the page, and then to the target.
        page.route(
            f"{origin}/page", lambda route: route.fulfill(body=PAGE, content_type="text/html")
        )
        page.goto(f"{origin}/page")
        got = page.evaluate(
            "given => attack(given)",
            {
                "target": target,
                "bucket": BUCKET,
                "document": DOCUMENT,
                "topic": f"arn:aws:sns:{REGION}:123456789012:{TOPIC}",
                "evil": f"http://127.0.0.1:{attacker.server_port}/delivered",
                "only": only,
                "except": list(but),
            },
        )
        return {way: text for way, text in got.items() if text is not None}, set(got)

    yield attacking
    for context in contexts:
        context.close()


@contextmanager
def without_a_guard():
    """Start moto as it is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    session = boto3.Session("any", "any", region_name=REGION)

    def client(service):
        return session.client(service, endpoint_url=f"http://127.0.0.1:{port}")

    deadline = time.monotonic() + 60
    while True:
        try:
            client("sts").get_caller_identity()
            break
        except EndpointConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    try:
        yield port, client
    finally:
        server.kill()
        server.wait()


def is_emptied(client):
    """Whether the page's reset leaves no topic, soon: the page does not always wait for it.

    moto as it comes answers with a page of HTML when another request resets it meanwhile.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(ResponseParserError):
            if client("sns").list_topics()["Topics"] == []:
                return True
        time.sleep(0.05)
    return False


def test_the_page_is_a_danger_to_a_server_without_a_guard(attack, attacker):
    """Or the tests below would show nothing."""
    origin = f"http://{EVIL}:{attacker.server_port}"
    with without_a_guard() as (port, client):
        target = f"http://127.0.0.1:{port}"
        for reset in RESETS:
            fill(client)
            attack(target, origin=origin, only=[reset])
            assert is_emptied(client), reset
        fill(client)
        got, tried = attack(target, origin=origin, but=RESETS)
        objects = client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]

    assert tried - set(got) == WITHOUT_GAIN
    assert BUCKET in got["list buckets"]
    assert "ours" in got["read a document"]
    assert {each["Key"] for each in objects} == {"put", "posted", "form", "beacon"}
    assert attacker.delivered == ["/delivered"]
    attacker.delivered.clear()


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        pytest.param("http://{evil}:{theirs}", "http://127.0.0.1:{ours}", id="another-site"),
        pytest.param("http://127.0.0.1:{theirs}", "http://127.0.0.1:{ours}", id="another-port"),
        pytest.param("http://localhost:{theirs}", "http://localhost:{ours}", id="localhost"),
        pytest.param("http://{evil}:{ours}", "http://{evil}:{ours}", id="rebound-name"),
        pytest.param("http://127.0.0.1:{ours}", "http://127.0.0.1:{ours}", id="own-origin"),
    ],
)
def test_it_gets_nothing_of_a_run_and_changes_nothing(embedded, attack, attacker, origin, target):
    """Not even in the server's own origin, had it any page that could be made to run this."""
    places = {"evil": EVIL, "theirs": attacker.server_port, "ours": embedded.port}
    before = embedded.holds()

    got, tried = attack(target.format(**places), origin=origin.format(**places))

    assert got == {}
    assert len(tried) == 24
    assert attacker.delivered == []
    assert embedded.holds() == before
    assert embedded.directory.emulator() == embedded.emulator


@pytest.mark.parametrize("path", ["/", f"/{BUCKET}", "/moto-api/", "/surgeproof/holdings"])
def test_who_is_led_to_it_sees_nothing(embedded, browser, path):
    with browser.new_context() as context:
        page = context.new_page()
        answer = page.goto(f"{embedded.emulator.url}{path}")

        assert answer.status == 403
        assert BUCKET not in page.content()
