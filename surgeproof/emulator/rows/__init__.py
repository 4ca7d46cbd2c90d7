"""One row a resource type: how Pulumi's properties become calls to AWS. One file a service.

Which properties force a replacement follows the Terraform provider that pulumi-aws 7.51.1 bridges
(`ForceNew` in its schemas).
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Final

from surgeproof.emulator.rows.row import Row

SERVICES: Final = (
    "acm",
    "autoscaling",
    "budgets",
    "chatbot",
    "cloudwatch",
    "ec2",
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
    "wafv2",
)
"""The files of rows, each with its `ROWS`."""


def _rows() -> Iterable[Row]:
    for service in SERVICES:
        yield from import_module(f"{__name__}.{service}").ROWS


ROWS: Final[Mapping[str, Row]] = {row.token: row for row in _rows()}
"""The table, by the engine's type token."""
