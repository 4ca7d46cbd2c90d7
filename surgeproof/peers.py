"""gRPC servers on the loopback interface that answer this user's processes only.

The Pulumi engine sends no secret to what it calls back: the provider, the policy pack, the program,
and the receiver of its events. So each request's connection is looked up in the kernel, which says
whose it is. Linux does so (sock_diag(7)). Where the system does not, every local user can call
these servers while a run lasts.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import grpc  # type: ignore[import-untyped]  # publishes no types

HOST: Final = "127.0.0.1"
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_TCP_ESTABLISHED: Final = 1
_MESSAGE: Final = struct.Struct("=LHHLL")
"""nlmsghdr: length, type, flags, sequence number, port (netlink(7))."""

_ENDS: Final = struct.Struct("!HH16s16s")
"""The start of inet_diag_sockid: source port, destination port, their addresses."""

_PORTS_BYTES: Final = 4

_REQUEST: Final = struct.Struct("=BBBxL36sLLL")
"""inet_diag_req_v2: family, protocol, extensions, states, ends, interface, cookie."""

_ANSWER: Final = struct.Struct("=BBBB36s12xLLLLL")
"""inet_diag_msg: family, state, timer, retransmissions, ends, then expiry, two queues, user,
inode."""

_UNSUPPORTED: Final = frozenset(
    {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES}
)
"""Errors of a kernel that has no such interface, or does not permit it here."""

_NO_COOKIE: Final = 0xFFFFFFFF
_SECONDS: Final = 5.0

_plain_server = grpc.server


def server(*arguments: Any, **more: Any) -> Any:
    """Return a `grpc.server` that answers the processes of this user only.

    It takes no interceptors, and one port.
    """
    check = _OwnUserOnly()
    made = _plain_server(*arguments, interceptors=(check,), **more)
    add_port = made.add_insecure_port

    def add_insecure_port(address: str) -> int:
        check.port = add_port(address)
        return check.port

    made.add_insecure_port = add_insecure_port
    return made


@contextmanager
def checked_servers() -> Iterator[None]:
    """Let every gRPC server of this process be one of `server`.

    Pulumi's Automation API makes two of its own (for the program and for the engine's events), and
    has no parameter for an interceptor.
    """
    grpc.server = server
    try:
        yield
    finally:
        grpc.server = _plain_server


def user_of(peer: tuple[str, int], here: tuple[str, int]) -> int | None:
    """Return the user whose process holds the far end of an established IPv4 connection.

    None where there is no such connection, or its far end is closed: the kernel then knows no user
    and says 0, which is root's number.

    Raises:
        OSError: The kernel does not tell.

    """
    ends = _ENDS.pack(peer[1], here[1], _address(peer[0]), _address(here[0]))
    request = _REQUEST.pack(
        *(socket.AF_INET, socket.IPPROTO_TCP, 0, 1 << _TCP_ESTABLISHED, ends),
        *(0, _NO_COOKIE, _NO_COOKIE),
    )
    header = (_MESSAGE.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:  # type: ignore[attr-defined,unused-ignore]
        kernel.settimeout(_SECONDS)
        kernel.sendto(_MESSAGE.pack(*header) + request, (0, 0))
        answer = kernel.recv(4096)
    if _MESSAGE.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None  # an error: no such connection
    _, state, _, _, found, _, _, _, user, inode = _ANSWER.unpack_from(answer, _MESSAGE.size)
    # Where there is no such connection any more, the kernel may answer with a listener. The
    # addresses that it answers have another form where the far end is a socket of both families.
    is_it = found[:_PORTS_BYTES] == ends[:_PORTS_BYTES] and state == _TCP_ESTABLISHED and inode
    return int(user) if is_it else None


@cache
def kernel_tells() -> bool:
    """Return whether the system says whose a connection is, tried on a connection of our own.

    If none can be made, which any local user can bring about, the answer is yes: then a request
    whose user is not known is refused.
    """
    if not hasattr(socket, "AF_NETLINK"):
        return False
    try:
        with (
            socket.create_server((HOST, 0)) as listening,
            socket.create_connection(listening.getsockname(), _SECONDS) as connected,
        ):
            try:
                found = user_of(connected.getsockname(), listening.getsockname())
            except OSError as error:
                return error.errno not in _UNSUPPORTED
            return found == os.geteuid()
    except OSError:
        return True


class _OwnUserOnly(grpc.ServerInterceptor):  # type: ignore[misc]  # grpc publishes no types
    """Refuses requests over connections that are not this user's."""

    def __init__(self) -> None:
        self.port = 0
        """Where the server listens."""

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        handler = continuation(details)
        for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            behaviour = getattr(handler, kind, None)
            if behaviour is not None:
                return handler._replace(**{kind: self._checked(behaviour)})
        return handler

    def _checked(self, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def checked(request: Any, context: Any) -> Any:
            if not self._is_own(context.peer()):
                context.abort(
                    grpc.StatusCode.PERMISSION_DENIED, "this port is of another user's run"
                )
            return behaviour(request, context)

        return checked

    def _is_own(self, peer: str) -> bool:
        if not kernel_tells():
            return True
        kind, _, place = peer.partition(":")
        address, _, port = place.rpartition(":")
        if kind != "ipv4":
            return False
        try:
            return user_of((address, int(port)), (HOST, self.port)) == os.geteuid()
        except OSError:
            return False


def _address(text: str) -> bytes:
    return socket.inet_aton(text).ljust(16, b"\0")
