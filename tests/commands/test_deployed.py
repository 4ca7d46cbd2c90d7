"""What is deployed: the verdict with which `up` ends, and `replay --deployed`."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.emulator import run
from surgeproof.emulator.mocks import HOSTED_ZONE_ID, MotoClients, aws_in_process, run_program
from surgeproof.emulator.run_directory import RunDirectory
from surgeproof.emulator.state import State
from surgeproof.plan import PlanError
from surgeproof.plan.configured import Configured
from surgeproof.plan.state import read_state

ROOT = Path(__file__).parents[2]
SERVICE = {"requestsPerSecond": 100, "serviceSeconds": 0.05, "bootSeconds": 60}
SURGES = {"double": {"trace": "x2-in-300s"}}
URN = "urn:pulumi:local::shop::shop:index:Fleet$aws:autoscaling/group:Group::web"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def group(size=4, **changes):
    resource = {
        "urn": URN,
        "type": "aws:autoscaling/group:Group",
        "custom": True,
        "id": "web",
        "inputs": {"__defaults": [], "name": "web", "minSize": size, "maxSize": size},
        "outputs": {"name": "web", "minSize": size, "maxSize": size, "desiredCapacity": size},
    }
    return resource | changes


@pytest.fixture
def up(tmp_path, monkeypatch):
    """Bring up a stack of which the state holds these resources."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    monkeypatch.setattr(run, "up", lambda *_, **__: None)

    def command(*resources, **config):
        settings = {f"shop:{name}": value for name, value in config.items()}
        text = yaml.safe_dump({"config": {"aws:region": "eu-west-1", **settings}})
        (tmp_path / "Pulumi.local.yaml").write_text(text)
        (tmp_path / ".surgeproof" / "local").mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(RunDirectory, "state", lambda _: State(resources, 0))
        return CliRunner().invoke(main, ["up"])

    return command


@pytest.mark.parametrize(("size", "word"), [(20, "survives"), (1, "fails")])
def test_up_ends_with_the_verdict_and_succeeds_whatever_it_is(up, tmp_path, size, word):
    result = up(group(size), service=SERVICE, surges=SURGES)

    assert result.exit_code == 0
    assert "read from the stack's state" in result.output
    assert f"deployed stack local, group web, trace x2-in-300s: {word}. " in result.output
    assert "fixed fleet before, group web, trace x2-in-300s: " in result.output
    assert re.search(
        r"Of the plan \d+ parts are left out and [1-9]\d* were not seen", result.output
    )
    page = tmp_path / ".surgeproof" / "local" / "replay.html"
    assert result.output.endswith("Report: .surgeproof/local/replay.html\n")
    assert page.read_text().startswith("<!doctype html>")


def test_up_takes_the_outage_alone_where_the_configuration_names_it(up, monkeypatch):
    monkeypatch.setattr("surgeproof.commands.replaying.OUTAGE", "x5-in-0s")

    result = up(group(), service=SERVICE, surges={**SURGES, "outage": {"trace": "x5-in-0s"}})

    assert "trace x5-in-0s" in result.output
    assert "x2-in-300s" not in result.output


def test_without_figures_of_the_service_up_ends_uncertain_and_says_why(up):
    result = up(group(), surges=SURGES)

    assert result.exit_code == 0
    assert "trace x2-in-300s: uncertain. Nothing says what one instance carries" in result.output
    assert "load test" in result.output


def test_without_a_surge_up_says_that_nothing_was_replayed(up):
    result = up(group(), service=SERVICE)

    assert (result.exit_code, result.output) == (
        0,
        "Would it survive? The configuration names no surges, so nothing was replayed.\n",
    )


def test_without_a_group_up_says_nothing_of_surges(up):
    assert up(service=SERVICE, surges=SURGES).output == ""


def test_a_replay_that_fails_does_not_change_how_up_ends(up):
    result = up(group(), service=SERVICE, surges={"own": {"trace": "none.csv"}})

    assert result.exit_code == 0
    assert result.output.startswith("What was deployed could not be replayed: trace: must be")


def test_an_interrupted_replay_does_not_change_how_up_ends(up, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("surgeproof.commands.replaying.judge", interrupted)

    result = up(group(), service=SERVICE, surges=SURGES)

    assert result.exit_code == 0
    assert "`surgeproof replay --deployed local` repeats it" in result.output


def test_the_state_is_read_with_outputs_and_without_what_is_encrypted():
    made = group()
    made["inputs"] |= {"healthCheckGracePeriod": SECRET}

    plan = read_state([made], name="x", stated=Configured())

    (read,) = plan.groups
    assert (read.name, read.min_size, read.desired_capacity) == ("web", 4, 4)
    assert "groups[web].health_check_grace_seconds" in {note.path for note in plan.not_seen}


def test_a_state_holds_groups_that_are_to_be_deleted_too():
    old = group(delete=True)

    with pytest.raises(PlanError, match="must hold an Auto Scaling group"):
        read_state([old], name="x", stated=Configured())


@pytest.fixture(scope="module")
def deployed():
    """The program of `local`, created on the embedded AWS in this process."""
    config = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text("utf-8"))["config"]
    with aws_in_process():
        clients = MotoClients()
        config["surgeproof:loadBalancer"] |= {"hostedZoneId": HOSTED_ZONE_ID}
        run_program("local", config)
        yield clients


def test_what_is_deployed_is_replayed_as_aws_tells_it(deployed, monkeypatch):
    monkeypatch.chdir(ROOT)
    told = {"url": "http://127.0.0.1:1", "region": "eu-central-1", "credentials": None}
    emulator = type("Emulator", (), told)
    monkeypatch.setattr(RunDirectory, "emulator", lambda _: emulator)
    monkeypatch.setattr(
        "surgeproof.emulator.clients.Clients", lambda *_: type("C", (), {"client": deployed.client})
    )

    result = CliRunner().invoke(
        main, ["replay", "--deployed", "local", "--trace", "x2-in-300s", "--format", "markdown"]
    )

    assert result.exit_code in {0, 1, 3}, result.output
    assert "deployed stack local, group surgeproof-local-web" in result.output
    assert "The plan was read from AWS: what is deployed." in result.output
    assert "Not seen" in result.output


def test_what_is_not_up_is_one_line(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(RunDirectory, "emulator", lambda _: None)

    result = CliRunner().invoke(main, ["replay", "--deployed", "local", "--trace", "x2-in-300s"])

    assert result.exit_code == 2
    assert result.output == (
        "error: --deployed: must be up on the embedded AWS, got 'local'; `surgeproof up --stack "
        "local` brings it up\n"
    )


def test_a_deployed_stack_that_aws_does_not_have_is_one_line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {aws:region: eu-west-1}\n")

    with aws_in_process():
        result = CliRunner().invoke(main, ["replay", "--deployed", "prod", "--trace", "x2-in-0s"])

    assert result.exit_code == 2
    assert result.output == (
        "error: deployed: must have an Auto Scaling group whose name begins with shop-prod-, got "
        "none\n"
    )


def test_a_real_stack_is_read_with_the_users_profile_and_the_stacks_region(monkeypatch, tmp_path):
    asked = {}

    @contextmanager
    def reading(*_):
        yield None

    class Session:
        def __init__(self, **settings):
            asked.update(settings)

        def client(self, service, config):
            assert config.retries == {"mode": "standard", "total_max_attempts": 8}
            raise PlanError("far enough")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config: {aws:region: eu-west-1, aws:profile: shop}\n"
    )
    monkeypatch.setattr("boto3.Session", Session)
    monkeypatch.setattr("surgeproof.commands.replay.reading", reading)

    result = CliRunner().invoke(main, ["replay", "--deployed", "prod", "--trace", "x2-in-0s"])

    assert asked == {"region_name": "eu-west-1", "profile_name": "shop"}
    assert result.output == "error: far enough\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stack", "dev", "--deployed", "prod"], "--deployed: must stand in place of --stack"),
        (["--stack", "dev", "--embedded"], "--embedded: must stand with --deployed"),
        (["--deployed", "nope"], "--stack: must have a file Pulumi.<stack>.yaml"),
    ],
)
def test_options_that_contradict_each_other_are_one_line(monkeypatch, arguments, said):
    monkeypatch.chdir(ROOT)

    result = CliRunner().invoke(main, ["replay", "--trace", "x2-in-0s", *arguments])

    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert result.output.startswith(f"error: {said}")
