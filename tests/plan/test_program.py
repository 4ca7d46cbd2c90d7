"""The program under mocks: any program, with any configuration, or one clear error."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from surgeproof.plan import PlanError
from surgeproof.plan.program import read_program
from surgeproof.plan.settings import read_settings

ROOT = Path(__file__).parents[2]
PROGRAM = """
    import pulumi
    import pulumi_aws as aws

    template = aws.ec2.LaunchTemplate("web", instance_type="m7g.large")
    group = aws.autoscaling.Group(
        "web",
        min_size=int(pulumi.Config().require("least")),
        max_size=4,
        availability_zones=aws.get_availability_zones_output().names,
        launch_template={"id": template.id, "version": template.latest_version},
    )
    aws.autoscaling.Policy(
        "up",
        autoscaling_group_name=group.name,
        adjustment_type="ChangeInCapacity",
        scaling_adjustment=1,
    )
"""


@pytest.fixture
def project(tmp_path):
    """Return a function that writes a project and reads its plan."""

    def make(program=PROGRAM, config=None, settings=""):
        (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (tmp_path / "__main__.py").write_text(textwrap.dedent(program))
        config = {"aws:region": "eu-west-1", "shop:least": 2} if config is None else config
        (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}) + settings)
        return read_program(tmp_path, "dev")

    return make


def test_a_program_of_somebody_else_is_read(project):
    found = project()
    (group,) = found.plan.groups

    assert (group.name, group.min_size, group.max_size) == ("web", 2, 4)
    assert group.zones == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert group.instance_types == ("m7g.large",)
    assert [(policy.name, policy.group) for policy in found.plan.policies] == [("up", "web")]
    assert found.stated.service is None
    assert "service" in {note.path for note in found.plan.not_seen}


@pytest.mark.parametrize("main", ["infra", "infra/__main__.py"])
def test_a_program_may_lie_elsewhere(project, tmp_path, main):
    project()
    (tmp_path / "infra").mkdir()
    (tmp_path / "__main__.py").rename(tmp_path / "infra" / "__main__.py")
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\nruntime: {{name: python}}\nmain: {main}\n")

    plan = read_program(tmp_path, "dev").plan

    assert [group.name for group in plan.groups] == ["web"]


def test_a_program_in_another_language_is_given_as_a_plan(project, tmp_path):
    project()
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: nodejs\n")

    with pytest.raises(PlanError) as raised:
        read_program(tmp_path, "dev")

    assert str(raised.value) == (
        "the program: must be Python to be read without the engine, got 'nodejs'; give the file "
        "that `pulumi preview --json --show-sames` writes: --plan FILE"
    )


def test_what_a_program_asks_of_aws_without_an_answer_is_named(project):
    program = textwrap.dedent(PROGRAM) + 'aws.ec2.get_ami_output(most_recent=True, owners=["x"])\n'

    notes = project(program).plan.not_seen

    assert [note.reason for note in notes if note.path == "program"] == [
        "The program asks AWS (aws:ec2/getAmi:getAmi), and got no answer here."
    ]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import pulumi\nraise pulumi.RunError('no such key')", "the program: no such key"),
        ("1 / 0", "the program: ZeroDivisionError: division by zero"),
        ("import pulumi", "resources: must hold an Auto Scaling group, got none"),
        ("import surely_not_there", "the program: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)", "the program: SystemExit: 3"),
    ],
)
def test_a_program_that_fails_is_one_clear_error(project, program, words):
    with pytest.raises(PlanError) as told:
        project(program)

    assert str(told.value).startswith(words)


def test_a_wrong_configuration_is_told_as_the_program_tells_it(project, tmp_path):
    with pytest.raises(PlanError, match="least"):
        project(config={"aws:region": "eu-west-1"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("config: [", "Pulumi.dev.yaml:2:1: must be YAML"),
        ("- 1", "Pulumi.dev.yaml: must be a mapping of keys, got a list"),
        (None, "Pulumi.dev.yaml: must be a file, got none"),
    ],
)
def test_settings_that_cannot_be_read_are_one_clear_error(tmp_path, settings, words):
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    if settings is not None:
        (tmp_path / "Pulumi.dev.yaml").write_text(settings)

    with pytest.raises(PlanError, match=words):
        read_program(tmp_path, "dev")


def test_encrypted_values_are_neither_read_nor_needed(project):
    config = {
        "aws:region": "eu-west-1",
        "shop:least": 2,
        "shop:alerts": {"endpoint": {"secure": "v1:abc:def"}},
    }

    notes = project(config=config).plan.not_seen

    assert "configuration.shop:alerts" in {note.path for note in notes}
    assert not any("v1:abc" in note.reason for note in notes)


def test_the_program_reads_its_stack_without_engine_account_or_moto():
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from surgeproof.plan.program import read_program\n"
        f"read_program(Path({str(ROOT)!r}), 'local')\n"
        "print(sorted({'moto', 'boto3', 'numba', 'grpc_tools'} & set(sys.modules)))\n"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
    )

    assert told.stdout.strip() == "[]"


def test_keys_are_read_without_their_namespace_and_groups_as_texts(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: shop")
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config: {service: {bootSeconds: 100, serviceSeconds: 0.1},"
        """ 'shop:account': '{"vcpuQuota": 8}'}"""
    )

    stated = read_settings(tmp_path, "dev").stated

    assert stated.missing == ("service.requestsPerSecond",)
    assert stated.quotas.vcpus == 8


def test_a_misspelt_namespace_is_refused_and_that_of_others_is_not(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: surgeproof")
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config: {'surgeprof:scaling': {}, 'gcp:project': x}")

    with pytest.raises(PlanError) as told:
        read_settings(tmp_path, "dev")

    assert str(told.value) == (
        "surgeprof:scaling: must have a namespace that something reads (nearest: surgeproof), got "
        "'surgeprof'"
    )


def test_settings_that_are_kept_elsewhere_are_told_and_lower_the_verdict(project):
    plan = project(settings="environment: [shop/dev, common]\n").plan

    (note,) = [each for each in plan.not_seen if each.path == "configuration.environment"]
    assert note.supply
    assert note.reason == (
        "The stack imports Pulumi ESC environments (shop/dev, common); the settings that they hold "
        "were not read."
    )
