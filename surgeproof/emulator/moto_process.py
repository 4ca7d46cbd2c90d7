"""The emulator's process: how it is started, recorded, and asked for pages of its own."""

import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from surgeproof import files
from surgeproof.emulator.credentials import NONCE_HEADER, PROOF_HEADER, Credentials
from surgeproof.emulator.processes import Process
from surgeproof.exits import InputError
from surgeproof.settings.json_file import parse_json

HOST = "127.0.0.1"
RECORD = "emulator.json"
LOG = "emulator.log"

HEALTH_PATH = "/surgeproof/health"
HOLDINGS_PATH = "/surgeproof/holdings"

SERVICES = (
    "ec2",
    "acm",
    "autoscaling",
    "budgets",
    "cloudwatch",
    "elbv2",
    "events",
    "iam",
    "kms",
    "logs",
    "rds",
    "route53",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
    "wafv2",
)
"""What the components use; other services of moto are imported on their first request."""

START_SECONDS = 60.0
"""How long the emulator may take to answer (seconds); two to four are usual."""

HEALTH_SECONDS = 30.0
"""How long a living emulator may take to answer (seconds): a busy machine is no reason to discard
a stack."""

PAGE_BYTES_MAX = 1024 * 1024
"""Longest answer of one of the emulator's own pages (bytes)."""

PORT_TAKEN = 3
"""The emulator's exit code when its port is taken."""

PORT_MAX = 65535


@dataclass(frozen=True)
class Emulator:
    """A living moto process that answers."""

    process: Process
    port: int
    region: str
    credentials: Credentials
    deliver: tuple[str, ...] = ()
    """Hosts and ports that it may send to."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Emulator | None":
        """Return the emulator that a record in a file names, dead or alive."""
        process, port = Process.from_record(record), record.get("port")
        credentials = Credentials.from_record(record)
        if process is None or credentials is None or type(port) is not int:
            return None
        if not 0 < port <= PORT_MAX:
            return None
        places = record.get("deliver")
        deliver = tuple(map(str, places)) if isinstance(places, list) else ()
        return cls(process, port, str(record.get("region")), credentials, deliver)

    def check_asked(self, stack: str, region: str, port: int, deliver: tuple[str, ...]) -> None:
        """Refuse what another emulator than this one would be needed for."""
        if self.region != region:
            raise InputError(
                f"aws:region: must be {self.region}, where stack {stack} is up, got {region!r}; "
                "take the stack down to move it"
            )
        if port not in (0, self.port):
            raise InputError(f"--port: must be {self.port}, where stack {stack} is up, got {port}")
        if deliver not in ((), self.deliver):
            raise InputError(
                f"--deliver: must be {', '.join(self.deliver) or 'absent'}, as stack {stack} was "
                f"brought up, got {', '.join(deliver)}; take the stack down to change it"
            )

    def page(self, path: str) -> Any:
        """Return what one of its own pages says; None where it is another that answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        nonce = secrets.token_hex(16)
        headers = {
            NONCE_HEADER: nonce,
            PROOF_HEADER: self.credentials.proof("ask", path, nonce),
        }
        request = urllib.request.Request(f"{self.url}{path}", headers=headers)  # noqa: S310
        try:
            with opener.open(request, timeout=HEALTH_SECONDS) as answer:
                body = answer.read(PAGE_BYTES_MAX).decode()
                proof = answer.headers.get(PROOF_HEADER, "")
            if not self.credentials.proves(proof, "answer", nonce, body):
                return None
            return parse_json(body, path)
        except (OSError, ValueError, HTTPException):
            return None


def start(
    directory: Path, region: str, port: int, deliver: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the emulator of a run's directory, where it records itself."""
    arguments = [
        *(sys.executable, "-m", "surgeproof.emulator.moto_server"),
        *("--directory", str(directory), "--region", region),
        *("--port", str(port), *(f"--deliver={place}" for place in deliver)),
    ]
    package_root = str(Path(__file__).parents[2])
    with files.appending(directory / LOG) as log:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=directory,
            env={**environment, "PYTHONPATH": package_root},
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
        )
