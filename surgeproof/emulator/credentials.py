"""The secret of one run, by which its embedded AWS and those who speak to it know each other.

It signs requests to AWS's services in AWS's own way, and proves by an HMAC what the embedded AWS
and its driver say to each other beside that. It never travels.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NONCE_HEADER: Final = "X-Surgeproof-Nonce"
PROOF_HEADER: Final = "X-Surgeproof-Proof"

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ID_LETTERS: Final = 16
_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Credentials:
    """An access key as AWS has them."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def made(cls) -> "Credentials":
        """Return a new key that nobody can guess."""
        # Twenty capitals and digits: by this form moto finds the key in a signature.
        letters = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LETTERS))
        return cls(f"AKIA{letters}", secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Credentials | None":
        """Return the key in a run's record, None where there is none."""
        key, secret = record.get("accessKeyId"), record.get("secretAccessKey")
        return cls(key, secret) if isinstance(key, str) and isinstance(secret, str) else None

    def record(self) -> dict[str, str]:
        """Return what the run's record keeps of it."""
        return {"accessKeyId": self.access_key_id, "secretAccessKey": self.secret_access_key}

    def proof(self, *said: str) -> str:
        """Return what only who knows the secret can add to what is said."""
        text = "\n".join(said).encode()
        return hmac.new(self.secret_access_key.encode(), text, "sha256").hexdigest()

    def proves(self, proof: str, *said: str) -> bool:
        """Whether a proof is that of what is said."""
        return hmac.compare_digest(proof.encode(), self.proof(*said).encode())


NO_CREDENTIALS: Final = Credentials("embedded", "embedded")
"""For an AWS inside this process, which checks none."""
