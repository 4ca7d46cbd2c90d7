"""The gRPC servers answer this user's processes, and no one else's."""

import errno
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import SimpleNamespace

import grpc
import pytest

from surgeproof import peers
from tests.other_user import as_another_user

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux says whose a connection is"
)

METHOD = "/pulumirpc.ResourceProvider/GetPluginInfo"

CALL = f"""
import grpc
channel = grpc.insecure_channel("127.0.0.1:" + sys.argv[1])  # connects with the first call
become_another_user()
try:
    print("answered", channel.unary_unary({METHOD!r})(b""))
except grpc.RpcError as error:
    print(error.code().name)
"""

CALL_AND_CLOSE = """
import socket, struct
become_another_user()
def frame(kind, flags, stream, content):
    head = struct.pack("!I", len(content))[1:] + bytes([kind, flags])
    return head + struct.pack("!I", stream) + content
def text(word):
    return bytes([len(word)]) + word.encode()
headers = {":method": "POST", ":scheme": "http", ":path": sys.argv[2],
           ":authority": "127.0.0.1", "te": "trailers", "content-type": "application/grpc"}
block = b"".join(b"\\0" + text(name) + text(value) for name, value in headers.items())
for _ in range(200):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as raw:
        raw.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + frame(4, 0, 0, b""))
        raw.recv(4096)  # or the end would be a reset, which takes the request with it
        raw.sendall(frame(1, 4, 1, block) + frame(0, 1, 1, bytes(5)))
        if len(sys.argv) > 3:
            raw.shutdown(socket.SHUT_WR)
            raw.recv(4096)
print("sent")
"""
"""Sends a request and is gone before it is looked up: of a closed end the kernel knows no user,
and some of its answers then say 0, which is root."""


@pytest.fixture(params=["ours", "grpc"])
def serving(request):
    """A server, made by `peers.server` or by `grpc.server` meanwhile, and its calls."""
    calls = []

    def answer(asked, context):
        calls.append(context.peer())
        return b"secret"

    handler = grpc.method_handlers_generic_handler(
        "pulumirpc.ResourceProvider",
        {"GetPluginInfo": grpc.unary_unary_rpc_method_handler(answer)},
    )
    with peers.checked_servers():
        make = peers.server if request.param == "ours" else grpc.server
        server = make(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port(f"{peers.HOST}:0")
    server.start()
    yield port, calls
    server.stop(None).wait()


def test_this_users_processes_are_answered(serving):
    port, calls = serving

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert channel.unary_unary(METHOD)(b"") == b"secret"

    assert len(calls) == 1


def test_another_users_are_not(serving):
    port, calls = serving

    assert as_another_user(CALL, str(port)) == "PERMISSION_DENIED\n"

    assert calls == []


@pytest.mark.parametrize("way", [(), ("half",)], ids=["closed", "half-closed"])
def test_nor_those_that_are_gone_before_they_are_looked_up(serving, way):
    port, calls = serving

    assert as_another_user(CALL_AND_CLOSE, str(port), METHOD, *way) == "sent\n"

    assert calls == []


def test_an_attack_that_is_gone_does_reach_a_server_without_the_check():
    """Or the test above would show nothing."""
    calls = []
    handler = grpc.method_handlers_generic_handler(
        "pulumirpc.ResourceProvider",
        {
            "GetPluginInfo": grpc.unary_unary_rpc_method_handler(
                lambda asked, context: calls.append(asked) or b""
            )
        },
    )
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    as_another_user(CALL_AND_CLOSE, str(port), METHOD)

    server.stop(1).wait()
    assert calls != []


def test_the_kernel_says_whose_a_connection_is():
    assert peers.kernel_tells()

    with socket.create_server((peers.HOST, 0)) as listening:
        here = listening.getsockname()
        with socket.create_connection(here) as connected:
            end = connected.getsockname()
            assert peers.user_of(end, here) == os.geteuid()
            assert peers.user_of(end, (peers.HOST, end[1])) is None
        assert peers.user_of(end, here) is None


def test_a_listener_is_no_connection():
    """The kernel answers with one where there is no connection; it is of whoever listens there."""
    with (
        socket.create_server((peers.HOST, 0)) as here,
        socket.create_server((peers.HOST, 0)) as there,
    ):
        assert peers.user_of(there.getsockname(), here.getsockname()) is None


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (("create_connection", errno.EADDRNOTAVAIL), True),
        (("create_server", errno.EMFILE), True),
        (("socket", errno.EMFILE), True),
        (("socket", errno.EAFNOSUPPORT), False),
        (("socket", errno.EPERM), False),
    ],
    ids=["no-ports", "no-files", "no-files-later", "no-netlink", "not-permitted"],
)
def test_who_uses_up_what_is_needed_to_ask_is_not_let_in_by_it(serving, monkeypatch, fails, told):
    port, _ = serving
    name, number = fails
    make = getattr(socket, name)

    def failing(*arguments, **more):
        if name == "socket" and arguments[:1] != (socket.AF_NETLINK,):
            return make(*arguments, **more)
        raise OSError(number, "none left")

    with monkeypatch.context() as patch:
        patch.setattr(peers, "socket", SimpleNamespace(**vars(socket) | {name: failing}))
        patch.setattr(peers, "kernel_tells", cache(peers.kernel_tells.__wrapped__))
        assert peers.kernel_tells() is told
        if name == "socket":
            answer = as_another_user(CALL, str(port))
            assert answer == ("PERMISSION_DENIED\n" if told else "answered b'secret'\n")


def test_a_system_that_does_not_tell_lets_everybody_in(serving, monkeypatch):
    """As macOS; docs/embedded-aws.md says so."""
    port, _ = serving
    without = {name: each for name, each in vars(socket).items() if name != "AF_NETLINK"}

    monkeypatch.setattr(peers, "socket", SimpleNamespace(**without))
    monkeypatch.setattr(peers, "kernel_tells", cache(peers.kernel_tells.__wrapped__))

    assert not peers.kernel_tells()
    assert as_another_user(CALL, str(port)) == "answered b'secret'\n"
