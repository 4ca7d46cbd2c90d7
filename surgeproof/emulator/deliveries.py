"""Nothing leaves the embedded AWS, except what is sent to a place that the user named.

moto sends what SNS would deliver to an HTTP endpoint, and what EventBridge would send to a
destination, with `requests`; it runs functions and jobs through Docker's socket. So `requests`
hands its requests to this module, and whatever else would connect, send, ask for a name or start a
program is refused by the interpreter (https://docs.python.org/3/library/audit_events.html).
"""

import logging
import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from surgeproof.settings import errors

_SOCKETS: Final = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
    }
)
_PROGRAMS: Final = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "subprocess.Popen",
    }
)
_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 15.0
"""How long a receiver may take to answer (seconds); other requests wait meanwhile."""

_PORTS: Final = {"http": 80, "https": 443}
_MOST_PORT: Final = 65_535

_log = logging.getLogger(__name__)
_permitted = threading.local()


@dataclass(frozen=True, order=True)
class Place:
    """A host and port that may be sent to."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the place that `HOST:PORT` names; raise ValueError where it names none."""
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port) <= _MOST_PORT:
            raise ValueError(f"must be HOST:PORT, got {errors.shown(text)}")
        return cls(host.lower(), int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def confine(named: Collection[Place]) -> None:
    """Let this process send to the named places only, until it ends."""
    import requests  # noqa: PLC0415 - slow, and needed in the emulator's process only

    send = requests.Session.request

    def deliver(session: requests.Session, method: str, url: str, **more: Any) -> Any:
        place = _place(url)
        nothing = requests.Response()
        nothing.status_code = 503
        if place not in named:
            _log.warning(
                "not delivered: %s %s, which --deliver does not name", method.upper(), place
            )
            return nothing
        session.trust_env = False  # it would add a password from the user's .netrc
        more |= {"timeout": (_CONNECT_SECONDS, _ANSWER_SECONDS), "allow_redirects": False}
        _permitted.place = place
        try:
            return send(session, method, url, **more)
        except (requests.RequestException, OSError) as error:
            # As on AWS, the publisher is not told.
            _log.warning("not delivered: %s %s: %s", method.upper(), place, type(error).__name__)
            return nothing
        finally:
            _permitted.place = None

    requests.Session.request = deliver  # type: ignore[method-assign,assignment]
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _SOCKETS:
        place = getattr(_permitted, "place", None)
        # Every connection begins with this question. Another parser may read another host in the
        # same URL, as with a backslash before an `@`.
        asked = arguments[:2] if event == "socket.getaddrinfo" else None
        if place is None or asked not in (None, (place.host, place.port)):
            raise PermissionError(f"the embedded AWS sends nothing ({event})")
    elif event in _PROGRAMS:
        raise PermissionError(f"the embedded AWS runs no programs ({event})")


def _place(url: str) -> Place | None:
    """Return where a URL leads; its path, which may hold a key, is not shown anywhere."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Place(parts.hostname, port) if parts.hostname and port else None
