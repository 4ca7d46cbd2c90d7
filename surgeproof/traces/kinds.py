"""Kinds of logs that people have, by how a line looks, so that a wrong one is named."""

import re
from typing import Final

_DATE: Final = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
_ADDRESS: Final = rb"(?:[\d.]+|[0-9a-fA-F:]+|\[[0-9a-fA-F:]+\])"

APPLICATION: Final = "an Application Load Balancer's access log"

_KINDS: Final = (
    (rb"(?:https?|h2|grpcs?|wss?) " + _DATE + rb" app/", APPLICATION),
    (rb"tls \d\.\d " + rb"\d{4}-\d\d-\d\dT", "a Network Load Balancer's access log"),
    (_DATE + rb" " + _ADDRESS + rb" \d+ \d+ .*TID_", "a load balancer's connection log"),
    (_DATE + rb" \S+ " + _ADDRESS + rb":\d+ ", "a Classic Load Balancer's access log"),
    (rb"#Version: \d|#Fields: date time x-edge|\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d\t[A-Z]{3}\d",
     "a CloudFront log"),
    (rb"[0-9a-f]{64} \S+ \[", "an S3 access log"),
    (rb"\d \d{12} eni-[0-9a-f]+ |version account-id interface-id", "a VPC flow log"),
    (_ADDRESS + rb' \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "',
     "an access log of nginx or Apache"),
)  # fmt: skip


def kind_of(line: bytes) -> str | None:
    """Return what a line is of, in words; None where that is not known."""
    start = line[:4096].lstrip(b"\xef\xbb\xbf")
    return next((kind for pattern, kind in _KINDS if re.match(pattern, start)), None)
