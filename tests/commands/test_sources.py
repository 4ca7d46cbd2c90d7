"""Where `check` and `replay` read a stack."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from tests.moto.standing import aws_in_process

FILES = Path(__file__).parents[1] / "terraform"
SETTINGS = """\
config:
  aws:region: us-east-1
  shop:service: {requestsPerSecond: 60, bootSeconds: 60, serviceSeconds: 0.05}
  shop:surges: {sale: {trace: x2-in-300s}}
"""
GROUP = {
    "urn": "urn:pulumi:prod::shop::aws:autoscaling/group:Group::web",
    "type": "aws:autoscaling/group:Group",
    "custom": True,
    "inputs": {
        "name": "web",
        "minSize": 8,
        "maxSize": 8,
        "availabilityZones": ["us-east-1a", "us-east-1b"],
    },
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(*arguments):
    result = CliRunner().invoke(main, list(map(str, arguments)))
    return result.exit_code, result.output


def written(directory, name, document):
    file = directory / name
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize("file", sorted(FILES.glob("*-new.json")), ids=lambda file: file.stem)
def test_terraform_is_checked_and_replayed(project, file):
    code, printed = give("check", "--stack", "prod", "--terraform", file)

    assert code == 1
    assert (
        "high      lb-drops-invalid-headers  aws:lb/loadBalancer:LoadBalancer aws_lb.main: "
        "`drop_invalid_header_fields` must be true, got false.\n"
    ) in printed
    assert printed.splitlines()[-1].startswith("Surges: sale survives, ")

    code, printed = give("replay", "--stack", "prod", "--terraform", file)

    assert code == 0
    assert printed.startswith("stack prod, group shop-service, trace x2-in-300s")
    assert "The plan was read from what Terraform's `show -json` has written." in printed


def test_the_same_stack_gets_the_same_findings_from_each_program(project):
    told = [
        give("check", "--stack", "prod", "--terraform", file, "--format", "json")
        for file in (FILES / "terraform-new.json", FILES / "tofu-new.json")
    ]

    assert told[0] == told[1]
    rules = {each["rule"] for each in json.loads(told[0][1])["findings"]}
    assert "resource-is-readable" not in rules
    assert {"lb-listener-serves-https", "rds-no-plaintext-password"} <= rules
    # There is no project and no stack with which names could begin.
    assert "alarm-name-starts-with-stack" not in rules


def test_a_plan_that_destroys_all_is_no_pass_of_what_is_there(project):
    plan = json.loads((FILES / "tofu-new.json").read_text("utf-8"))
    for each in plan["resource_changes"]:
        each["change"] |= {"actions": ["delete"], "after": None}
    plan["planned_values"] = {"root_module": {}}

    code, printed = give("check", "--terraform", written(project, "plan.json", plan))

    assert code == 0
    assert printed.splitlines()[:2] == [
        "no violations.",
        "No resource is left to judge: 21 are destroyed.",
    ]


def test_what_a_local_hides_is_not_decided(project):
    printed = give("check", "--terraform", FILES / "tofu-modules.json")[1]

    assert (
        "not decided  alarm-has-actions  aws:cloudwatch/metricAlarm:MetricAlarm "
        'module.service["api"].aws_cloudwatch_metric_alarm.slow[0]: `alarm_actions` is known only '
        "after `apply`.\n"
    ) in printed


def test_without_a_project_terraform_is_checked_by_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code, printed = give("check", "--terraform", FILES / "terraform-new.json")

    assert code == 1
    assert printed.splitlines()[-1] == (
        "Surges: nothing was replayed: the configuration names none under `surges`."
    )


def test_a_state_and_a_plan_are_replayed(project):
    state = written(project, "state.json", {"deployment": {"resources": [GROUP]}})
    plan = written(project, "plan.json", {"steps": [{"op": "create", "newState": GROUP}]})

    code, printed = give("replay", "--state", state)

    assert code == 0
    assert printed.startswith("deployed stack prod, group web, trace x2-in-300s")
    assert "The plan was read from the stack's state: what is deployed." in printed

    code, printed = give("replay", "--plan", plan)

    assert code == 0
    assert "The plan was read from the file that a preview of Pulumi has written." in printed


def test_settings_of_another_project_are_not_taken(project):
    other = json.loads(json.dumps(GROUP).replace("::shop::", "::blog::"))
    state = written(project, "state.json", {"resources": [other]})

    code, printed = give("replay", "--state", state)

    assert code == 2
    assert printed.startswith(
        "error: --trace: must be given, since stack prod names no surges; there are "
    )
    assert give("replay", "--state", state, "--stack", "prod")[0] == 0


def test_a_file_of_terraform_needs_a_stack_or_a_trace(project):
    code, printed = give("replay", "--terraform", FILES / "tofu-new.json")

    assert code == 2
    assert printed == (
        "error: --trace: must be given, or --stack STACK, whose settings name surges; a file of "
        "Terraform names no stack\n"
    )


def test_any_group_on_aws_is_replayed(project):
    with aws_in_process():
        import boto3  # noqa: PLC0415 - within moto

        client = boto3.client("autoscaling", region_name="eu-west-1")
        client.create_launch_configuration(
            LaunchConfigurationName="any", ImageId="ami-03cf127a", InstanceType="m6i.large"
        )
        client.create_auto_scaling_group(
            AutoScalingGroupName="anybodys",
            LaunchConfigurationName="any",
            MinSize=8,
            MaxSize=8,
            AvailabilityZones=["eu-west-1a", "eu-west-1b"],
        )
        code, printed = give(
            *("replay", "--deployed", "--group", "anybodys", "--stack", "prod"),
            *("--region", "eu-west-1"),
        )
        missing = give(
            "replay",
            "--deployed",
            "--group",
            "nobodys",
            "--trace",
            "x2-in-0s",
            "--region",
            "eu-west-1",
        )

    assert code == 0
    assert printed.startswith("deployed stack prod, group anybodys, trace x2-in-300s")
    assert missing == (
        2,
        "error: deployed: must have an Auto Scaling group nobodys, got none\n",
    )


@pytest.mark.parametrize("command", ["check", "replay"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--terraform", "{file}", "--plan", "{file}"],
            "--terraform: must stand alone, got --plan too",
        ),
        (
            ["--deployed", "prod", "--state", "{file}"],
            "--deployed: must stand alone, got --state too",
        ),
        (["--group", "web"], "--group: must stand with --deployed"),
        (["--region", "eu-west-1"], "--region: must stand with --deployed"),
        (["--deployed"], "--deployed: must name a stack, or come with --group NAME"),
        (["--embedded"], "--embedded: must stand with --deployed; what is planned needs no AWS"),
        (
            ["--plan", "{file}"],
            "--plan: must be of Pulumi, got one of --terraform",
        ),
    ],
)
def test_options_that_contradict_each_other_are_one_line(project, command, arguments, said):
    file = str(FILES / "terraform-new.json")

    answer = give(command, *(each.format(file=file) for each in arguments))

    assert answer == (2, f"error: {said}\n")


def test_what_is_deployed_is_not_checked(project):
    assert give("check", "--deployed", "prod") == (
        2,
        (
            "error: --deployed: must be replayed (`surgeproof replay --deployed`), got 'prod': AWS "
            "does not tell all that the policies read; `pulumi stack export` or `terraform show "
            "-json` writes a file for --state or --terraform\n"
        ),
    )
