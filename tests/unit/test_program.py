import asyncio
import base64
import json
import re
import runpy
from pathlib import Path

import pulumi
import pytest
import yaml
from pulumi.runtime import mocks

from tests.unit.recording import Recording

ROOT = Path(__file__).parents[2]
OUTPUTS = {
    "url",
    "loadBalancerDnsName",
    "autoScalingGroupName",
    "pageTopicArn",
    "ticketTopicArn",
    "alarmNames",
    "vpcId",
    "dayAtMaximumSize",
}


def run_program(stack: str, config: dict[str, str] | None = None) -> Recording:
    recording = Recording()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(recording, project="surgeproof", stack=stack, preview=True)
    if config is None:
        written = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
        config = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in written["config"].items()
        }
    pulumi.runtime.set_all_config(config)
    exported = {}

    @pulumi.runtime.test
    def run() -> pulumi.Output[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pulumi, "export", exported.__setitem__)
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        return pulumi.Output.all(**exported).apply(recording.outputs.update)

    run()
    return recording


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_each_stack_exports_what_people_need(stack):
    recording = run_program(stack)

    assert set(recording.outputs) >= OUTPUTS
    assert f"surgeproof-{stack}-web-request-surge-critical" in recording.outputs["alarmNames"]


def test_alarms_of_all_components_are_exported():
    names = run_program("prod").outputs["alarmNames"]

    assert len(names) == len(set(names))
    assert {
        "surgeproof-prod-web-slow-responses-critical",
        "surgeproof-prod-web-database-connections-critical",
        "surgeproof-prod-web-rate-limited-clients-warning",
        "surgeproof-prod-web-instance-hours-warning",
    } <= set(names)


def test_instances_find_the_database():
    recording = run_program("local")

    template = recording.resources["LaunchTemplate"]["web"]
    script = base64.b64decode(template["userData"]).decode()
    said = dict(re.findall(r"^export (DATABASE_\w+)=(.*)$", script, re.MULTILINE))
    policy = json.loads(recording.resources["RolePolicy"]["web-readable-secret"]["policy"])
    (interface,) = template["networkInterfaces"]
    assert said == {
        "DATABASE_HOST": "web.proxy.test",
        "DATABASE_READER_HOSTS": "''",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "app",
        "DATABASE_SECRET_ARN": "arn:aws:secret:web",
    }
    assert "GREETING=hello" in script
    assert policy["Statement"][0]["Resource"] == "arn:aws:secret:web"
    assert interface["securityGroups"] == ["web-instances-id", "web-database-clients-id"]


@pytest.mark.parametrize(("stack", "opens"), [("local", True), ("dev", False)])
def test_the_load_balancer_fails_open_where_there_is_a_web_acl(stack, opens):
    recording = run_program(stack)

    assert recording.only("LoadBalancer")["enableWafFailOpen"] is opens
    assert ("WebAclAssociation" in recording.resources) is opens


def test_a_wrong_configuration_is_told_at_once_without_a_traceback():
    with pytest.raises(pulumi.RunError) as told:
        run_program("local", {"surgeproof:fleet": '{"maxSize": "four"}', "surgeproof:flet": "{}"})

    assert str(told.value) == (
        "The configuration cannot work:\n"
        "aws:region: must be a Region, such as eu-central-1, got nothing\n"
        "loadBalancer.certificateArn: must be given, or loadBalancer.domain with "
        "loadBalancer.hostedZoneId, or loadBalancer.plainHttp as true, got nothing\n"
        "fleet.maxSize: must be a whole number of at least 1, got 'four'\n"
        "alerts.subscriptions: must be a list of 1 to 100 subscriptions, got nothing\n"
        "flet: must be a key that exists (nearest: fleet), got 'flet'"
    )
    assert told.value.__cause__ is None


def test_a_namespace_that_nobody_reads_is_named_with_the_nearest_known_one():
    written = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]
    written["surgeprof:scaling"] = written.pop("surgeproof:scaling")
    written["shop:fleet"] = {}
    config = {key: json.dumps(value) for key, value in written.items()}
    config["aws:region"] = "eu-central-1"

    with pytest.raises(pulumi.RunError) as told:
        run_program("local", config)

    rule = "must have a namespace that something reads"
    assert str(told.value).splitlines()[1:] == [
        f"surgeprof:scaling: {rule} (nearest: surgeproof), got 'surgeprof'",
        f"shop:fleet: {rule} (surgeproof, aws, policies, pulumi), got 'shop'",
    ]


def test_figures_that_are_not_stated_are_asked_for(monkeypatch):
    warned = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, **_: warned.append(text))
    config = {
        "aws:region": "eu-central-1",
        "surgeproof:fleet": '{"maxSize": 4}',
        "surgeproof:loadBalancer": '{"plainHttp": true}',
        "surgeproof:alerts": json.dumps(
            {"subscriptions": [{"severity": "page", "protocol": "email", "endpoint": "a@b.cd"}]}
        ),
    }

    run_program("bare", config)

    assert [text.partition(" ")[0] for text in warned] == [
        "service.bootSeconds",
        "service.requestsPerSecond",
    ]
    assert all("easure it " in text for text in warned)
