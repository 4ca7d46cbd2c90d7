"""What the tests of traces share."""

import os

import boto3
import pytest
from moto import mock_aws


@pytest.fixture
def unanswered(monkeypatch):
    """Clients by name of service, which nobody answers."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return lambda service: boto3.client(service, region_name="eu-west-1")


@pytest.fixture
def aws(unanswered):
    """Clients by name of service, which moto answers in this process."""
    with mock_aws():
        yield unanswered
