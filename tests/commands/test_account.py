"""The clients of an account try again where AWS was asked too often."""

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from surgeproof.commands.account import ATTEMPTS, clients_in

THROTTLED = b'{"__type": "TooManyRequestsException", "Message": "slow down"}'
QUOTA = b'{"Quota": {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A", "Value": 64.0}}'


class Raw:
    def __init__(self, body):
        self.body = body

    def stream(self, **_):
        yield self.body


@pytest.fixture
def asked(unanswered, monkeypatch):
    """Ask for a quota of a service that turns so many requests away; return value and attempts."""
    monkeypatch.setattr("time.sleep", lambda _: None)

    def ask(turned_away):
        client = clients_in("eu-west-1")("service-quotas")
        sent = []

        def answer(request, **_):
            sent.append(request.url)
            body = THROTTLED if len(sent) <= turned_away else QUOTA
            status = 400 if body is THROTTLED else 200
            return AWSResponse(request.url, status, {}, Raw(body))

        client.meta.events.register("before-send.service-quotas", answer)
        try:
            found = client.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")
        except ClientError as error:
            return error.response["Error"]["Code"], len(sent)
        return found["Quota"]["Value"], len(sent)

    return ask


def test_a_request_that_is_turned_away_is_sent_again(asked):
    assert asked(3) == (64.0, 4)


def test_the_last_attempt_counts(asked):
    assert asked(100) == ("TooManyRequestsException", ATTEMPTS)
