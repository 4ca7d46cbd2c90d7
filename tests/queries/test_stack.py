"""The database of a stack on AWS, and the rights that asking for it takes."""

import json
import re
import shlex
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from surgeproof.queries.errors import QueriesError
from surgeproof.queries.stack import stack_database
from surgeproof.settings.permissions import action

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
NAME = "surgeproof-prod-web"


@pytest.fixture
def calls():
    return []


@pytest.fixture
def client(answered, calls):
    """Clients of moto, whose operations are noted as IAM's actions."""

    def make(service):
        made = answered(service)

        def note(model, **_):
            calls.append(action(service, model.name))

        made.meta.events.register("before-call", note)
        return made

    return make


def create(answered, name=NAME, **more):
    answered("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.m7g.large",
        Engine="postgres",
        DBName="app",
        MasterUsername="service_owner",
        AllocatedStorage=20,
        **more,
    )


def own_secret(answered, text='{"username": "service_owner", "password": "hidden"}'):
    answered("secretsmanager").create_secret(Name=f"{NAME}-database-master", SecretString=text)


def test_address_and_secret_are_found(answered, client):
    create(answered, MasterUserPassword="hidden-hidden")
    own_secret(answered)

    found = stack_database(client, "surgeproof", "prod")

    assert found.identifier == NAME
    assert (found.name, found.user, found.password) == ("app", "service_owner", "hidden")
    assert "hidden" not in repr(found)
    assert found.parameters(None, None) == {
        "host": found.host,
        "port": 5432,
        "dbname": "app",
        "user": "service_owner",
        "password": "hidden",
        "sslmode": "require",
    }
    through = found.parameters(15432, "/certificates.pem")
    assert (through["host"], through["hostaddr"], through["port"], through["sslmode"]) == (
        found.host,
        "127.0.0.1",
        15432,
        "verify-full",
    )


def test_the_secret_that_rds_keeps_is_read(answered, client):
    create(answered, ManageMasterUserPassword=True)
    (database,) = answered("rds").describe_db_instances()["DBInstances"]
    secret = database["MasterUserSecret"]["SecretArn"]
    answered("secretsmanager").create_secret(Name="of-rds", SecretString="{}")
    texts = {secret: '{"username": "owner", "password": "rotated"}'}

    class Secrets:
        def get_secret_value(self, SecretId):  # noqa: N803 - boto3's name
            return {"SecretString": texts[SecretId]}

    found = stack_database(
        lambda service: Secrets() if service == "secretsmanager" else client(service),
        "surgeproof",
        "prod",
    )

    assert (found.user, found.password) == ("owner", "rotated")


def test_the_line_that_forwards_a_port_is_one_that_a_shell_takes(answered, client):
    create(answered, MasterUserPassword="hidden-hidden")
    own_secret(answered)

    found = stack_database(client, "surgeproof", "prod")
    words = shlex.split(found.forwarding())

    assert words[:3] == ["aws", "ssm", "start-session"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--region"] == "eu-west-1"
    assert options["--target"] == "INSTANCE_ID"  # no instance is up
    assert options["--document-name"] == "AWS-StartPortForwardingSessionToRemoteHost"
    assert json.loads(options["--parameters"]) == {
        "host": [found.host],
        "portNumber": ["5432"],
        "localPortNumber": ["15432"],
    }
    assert "hidden" not in found.forwarding()


def test_the_policy_of_the_guide_allows_what_is_asked_and_nothing_more(answered, client, calls):
    create(answered, MasterUserPassword="hidden-hidden")
    own_secret(answered)
    policy = json.loads(
        re.search(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    )

    stack_database(client, "surgeproof", "prod")

    allowed = set()
    for each in policy["Statement"]:
        actions = each["Action"]
        allowed |= {actions} if isinstance(actions, str) else set(actions)
    assert {*calls, "ssm:StartSession"} == allowed  # the last is for the line that is printed


def test_a_stack_without_exactly_one_database_is_refused(answered, client):
    with pytest.raises(QueriesError) as error:
        stack_database(client, "surgeproof", "prod")
    assert str(error.value) == (
        "stack prod: must have one PostgreSQL named surgeproof-prod-*, found none; --database says "
        "where another one is"
    )

    for name in (NAME, "surgeproof-prod-other", "surgeproof-dev-web"):
        create(answered, name, MasterUserPassword="hidden-hidden")
    with pytest.raises(QueriesError, match=r"found surgeproof-prod-web, surgeproof-prod-other;"):
        stack_database(client, "surgeproof", "prod")


@pytest.mark.parametrize("text", ["hidden", '["hidden"]', '{"password": "hidden"}'])
def test_a_secret_of_another_form_is_not_shown(answered, client, text):
    create(answered, MasterUserPassword="hidden-hidden")
    own_secret(answered, text)

    with pytest.raises(QueriesError) as error:
        stack_database(client, "surgeproof", "prod")

    assert str(error.value) == (
        f"secret {NAME}-database-master: must be JSON with username and password"
    )


@pytest.mark.parametrize(
    ("service", "operation", "missing"),
    [
        ("rds", "DescribeDBInstances", "rds:DescribeDBInstances on *"),
        (
            "secretsmanager",
            "GetSecretValue",
            f"secretsmanager:GetSecretValue on {NAME}-database-master",
        ),
        (
            "autoscaling",
            "DescribeAutoScalingGroups",
            "autoscaling:DescribeAutoScalingGroups on *",
        ),
    ],
)
def test_a_permission_that_is_missing_is_named(answered, client, service, operation, missing):
    create(answered, MasterUserPassword="hidden-hidden")
    own_secret(answered)

    def refusing(name):
        made = client(name)
        if name == service:

            def refuse(**_):
                denied = {"Error": {"Code": "AccessDenied", "Message": "no"}}
                raise ClientError(denied, operation)

            made.meta.events.register("before-call", refuse)
        return made

    with pytest.raises(QueriesError) as error:
        stack_database(refusing, "surgeproof", "prod")

    assert str(error.value) == f"AWS: the caller must be allowed {missing} (AccessDenied)"
