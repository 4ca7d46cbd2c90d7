"""A run's embedded AWS, as `up` starts it, with something in it to take or to spoil."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from surgeproof.emulator.deliveries import Place
from surgeproof.emulator.moto_process import Emulator
from surgeproof.emulator.run_directory import RunDirectory
from surgeproof.project import Project

REGION = "eu-central-1"
BUCKET = "a-bucket-to-be-found"
DOCUMENT = "surgeproof-local-web-surge-response"
TOPIC = "surgeproof-local-alerts-page"
CONTENT = '{"schemaVersion": "0.3", "description": "ours", "mainSteps": []}'


@dataclass
class Embedded:
    """The embedded AWS of one run."""

    directory: RunDirectory
    emulator: Emulator

    @property
    def port(self) -> int:
        return self.emulator.port

    @property
    def record(self) -> Any:
        return self.directory.path / "emulator.json"

    @cached_property
    def session(self) -> boto3.Session:
        key = self.emulator.credentials
        return boto3.Session(key.access_key_id, key.secret_access_key, region_name=REGION)

    def client(self, service: str, **more: Any) -> Any:
        return self.session.client(service, endpoint_url=self.emulator.url, **more)

    def holds(self) -> dict[str, Any]:
        return {**held(self.client), "all": self.directory.holdings()}


def fill(client: Callable[[str], Any]) -> None:
    """Make something to take or to spoil."""
    client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client("ssm").create_document(
        Name=DOCUMENT, Content=CONTENT, DocumentType="Automation", DocumentFormat="JSON"
    )
    client("sns").create_topic(Name=TOPIC)


def held(client: Callable[[str], Any]) -> dict[str, Any]:
    """Return what there is of it."""
    arn = f"arn:aws:sns:{REGION}:123456789012:{TOPIC}"
    subscriptions = client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    documents = client("ssm").list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])
    return {
        "buckets": [each["Name"] for each in client("s3").list_buckets()["Buckets"]],
        "objects": client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"],
        "documents": [each["Name"] for each in documents["DocumentIdentifiers"]],
        "document": client("ssm").get_document(Name=DOCUMENT)["Content"],
        "subscriptions": [each["Endpoint"] for each in subscriptions],
    }


@contextmanager
def up(root: Path, *deliver: str) -> Iterator[Embedded]:
    """Start the embedded AWS of a project in `root`."""
    (root / "Pulumi.yaml").write_text("name: surgeproof\nruntime: python\n")
    (root / "Pulumi.local.yaml").write_text(f"config:\n  aws:region: {REGION}\n")
    directory = RunDirectory(Project.find(root), "local")
    with directory.held("up"):
        directory.start_emulator(REGION, 0, [Place.parse(each) for each in deliver])
        yield Embedded(directory, directory.await_emulator())
        directory.discard()


@pytest.fixture(scope="session")
def embedded(tmp_path_factory) -> Iterator[Embedded]:
    with up(tmp_path_factory.mktemp("project")) as made:
        fill(made.client)
        yield made
