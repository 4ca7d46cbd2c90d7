"""What is published in the embedded AWS stays in it, unless the user named where it goes."""

import http.server
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.emulator.deliveries import Place, _place
from surgeproof.exits import InputError
from tests.security.conftest import REGION, TOPIC, up

ARN = f"arn:aws:sns:{REGION}:123456789012:{TOPIC}"


@contextmanager
def receiver(answer=200, **headers):
    """Listen; yield the port and what has arrived."""
    arrived = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            arrived.append((self.path, self.headers, body))
            self.send_response(answer)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, arrived
        server.shutdown()


def publish(sns, *urls):
    for url in urls:
        sns.subscribe(TopicArn=ARN, Protocol=url.partition(":")[0], Endpoint=url)
    return sns.publish(TopicArn=ARN, Message="a page")["ResponseMetadata"]["HTTPStatusCode"]


def test_nothing_is_sent_and_the_log_says_so_without_the_key(embedded):
    sns = embedded.client("sns")
    with receiver() as (port, arrived):
        status = publish(sns, f"http://127.0.0.1:{port}/key-of-the-receiver")
        for each in sns.list_subscriptions()["Subscriptions"]:
            sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])

    assert status == 200
    assert arrived == []
    log = (embedded.directory.path / "emulator.log").read_text()
    assert f"not delivered: POST 127.0.0.1:{port}, which --deliver does not name" in log
    assert "key-of-the-receiver" not in log


def test_what_is_named_gets_it_and_nobody_else(tmp_path, monkeypatch):
    """Nor does who it redirects to, and the user's passwords for hosts are not sent along."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password of-the-user\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with receiver() as (other, elsewhere):
        there = {"Location": f"http://127.0.0.1:{other}/"}
        with (
            receiver(307, **there) as (port, arrived),
            up(tmp_path, f"127.0.0.1:{port}", "127.0.0.1:1") as made,
        ):
            sns = made.client("sns")
            sns.create_topic(Name=TOPIC)
            status = publish(
                sns,
                f"http://127.0.0.1:{port}/named",
                "http://127.0.0.1:1/closed",
                f"http://127.0.0.1:{other}/unnamed",
                f"http://localhost:{port}/another-name",
                f"http://127.0.0.1:{other}\\@127.0.0.1:{port}/read-in-two-ways",
                f"http://127.0.0.1:{port}@127.0.0.1:{other}/with-a-user",
            )
            log = (made.directory.path / "emulator.log").read_text()
            again = made.directory.emulator()
            monkeypatch.chdir(tmp_path)
            shown = CliRunner().invoke(main, ["status"]).output
            with pytest.raises(InputError) as caught:
                made.directory.start_emulator(REGION, 0, [Place("127.0.0.1", other)])
            made.directory.start_emulator(REGION, 0)

    assert status == 200
    ((path, headers, body),) = arrived
    assert path == "/named"
    assert json.loads(body)["Message"] == "a page"
    assert "Authorization" not in headers
    assert elsewhere == []
    assert "not delivered: POST 127.0.0.1:1: ConnectionError" in log
    assert again.deliver == ("127.0.0.1:1", f"127.0.0.1:{port}")
    assert f"\nDelivers to: 127.0.0.1:1, 127.0.0.1:{port}\n" in shown
    assert str(caught.value) == (
        f"--deliver: must be 127.0.0.1:1, 127.0.0.1:{port}, as stack local was brought up, got "
        f"127.0.0.1:{other}; take the stack down to change it"
    )


ESCAPES = """
import os, pty, smtplib, socket, subprocess, sys, urllib.request
import encodings.idna, requests
from surgeproof.emulator.deliveries import Place, confine
listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
confine([])
udp = socket.socket(type=socket.SOCK_DGRAM)
unix = socket.socket(socket.AF_UNIX)
ways = {
    "connect": lambda: socket.socket().connect(("127.0.0.1", port)),
    "connect_ex": lambda: socket.socket().connect_ex(("127.0.0.1", port)),
    "create_connection": lambda: socket.create_connection(("127.0.0.1", port)),
    "unix": lambda: unix.connect("/var/run/docker.sock"),
    "sendto": lambda: udp.sendto(b"x", ("127.0.0.1", port)),
    "sendmsg": lambda: udp.sendmsg([b"x"], [], 0, ("127.0.0.1", port)),
    "name": lambda: socket.getaddrinfo("secret.evil.example", 80),
    "old-name": lambda: socket.gethostbyname("secret.evil.example"),
    "address": lambda: socket.gethostbyaddr("127.0.0.1"),
    "urllib": lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/"),
    "mail": lambda: smtplib.SMTP("127.0.0.1", port),
    "program": lambda: subprocess.run(["/bin/true"]),
    "shell": lambda: os.system("true"),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "fork": os.fork,
    "pty": lambda: pty.spawn("true"),
}
for name, way in ways.items():
    try:
        way()
    except OSError as error:
        if "the embedded AWS" in str(error):
            continue
    print("got out:", name)
with requests.Session() as session:
    if session.get(f"http://127.0.0.1:{port}/").status_code != 503:
        print("got out: requests")
listening.settimeout(0.2)
try:
    listening.accept()
    print("connected")
except TimeoutError:
    print("nobody came")
"""


def test_no_other_way_leads_out():
    done = subprocess.run(
        [sys.executable, "-c", ESCAPES], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.stdout, done.returncode) == ("nobody came\n", 0), done.stderr


@pytest.mark.parametrize("text", ["host", ":80", "host:", "host:0", "host:65536", "host:http", ""])
def test_what_names_no_place_is_refused(text):
    told = CliRunner().invoke(main, ["up", "--deliver", text])

    assert told.exit_code == 2
    assert told.output == f"error: --deliver: must be HOST:PORT, got {text!r}\n"


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("Hooks.Example.COM:443", Place("hooks.example.com", 443), "hooks.example.com:443"),
        ("[::1]:80", Place("::1", 80), "[::1]:80"),
    ],
)
def test_a_place_has_one_form(text, place, shown):
    assert Place.parse(text) == place
    assert str(place) == shown
    assert Place.parse(str(place)) == place
    assert _place(f"http://{text}/path") == place
