"""Every command that the README and the pages under docs/ show is given here."""

import os
import re
import subprocess

import pytest

from benchmarks.postgres import running
from benchmarks.shop import FAULTY, make
from surgeproof.emulator.engine import find_engine
from tests.engine.conftest import ROOT, Checkout, copy_of_repository

pytestmark = pytest.mark.engine

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
PAGES = [
    page for pattern in ("*.md", "docs/**/*.md", "policies/*.md") for page in ROOT.glob(pattern)
]
GUIDES = [page for page in PAGES if page not in RUNBOOKS]

GIVEN_ELSEWHERE = {
    "make test": "it is what runs this test",
    "make up STACK=dev": "wants an account; tests/commands reads how it is refused without one",
}
"""Commands of the guides that this file does not give, and why."""

NOT_HERE = ("sudo ", "top ", "aws ssm start-session ", "pulumi up ")
"""Beginnings of what runbooks show and this file does not give: what is typed on an instance, what
opens a session there, and the deployment to the account."""

LACKING = {
    "CancelInstanceRefresh": "NotImplementedByEndpoint",
    "CompleteLifecycleAction": "NotImplementedByEndpoint",
    "DescribeAnomalyDetectors": "NotImplementedByEndpoint",
    "DescribeEvents": "NotImplementedByEndpoint",
    "DescribeInstanceRefreshes": "NotImplementedByEndpoint",
    # The log bucket refuses whoever comes without TLS, and the embedded AWS has none.
    "HeadObject": "403",
    "GetSampledRequests": "NotImplementedByEndpoint",
    "GetServiceQuota": "NoSuchResourceException",
    "ModifyCapacityReservation": "NotImplementedByEndpoint",
    "RequestServiceQuotaIncrease": "NotImplementedByEndpoint",
    "StartZonalShift": "NotImplementedByEndpoint",
}
"""Operations of the runbooks that the embedded AWS does not carry out, and what it answers. Their
options have been checked by AWS's own CLI before it sends anything."""


def commands(page):
    """Yield the commands of a page: lines, joined where the shell wants more."""
    for block in BLOCK.findall(page.read_text()):
        command = ""
        for line in block.splitlines(keepends=True):
            command += line
            if not command.endswith("\\\n") and is_whole(command):
                if not command.startswith("#"):
                    yield command.strip()
                command = ""
        assert command == "", f"{page}: no command ends here: {command}"


def is_whole(command):
    return (
        subprocess.run(
            ["bash", "-n"], input=command, text=True, capture_output=True, check=False
        ).returncode
        == 0
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the repository with its environment, as after `git clone` and a first `make`."""
    root = tmp_path_factory.mktemp("docs") / "checkout"
    copy_of_repository(root)
    (root / ".venv").symlink_to(ROOT / ".venv")
    made = Checkout(root)
    yield made
    made.clean()


def give(command, checkout, **more):
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("AWS_")},
        "PATH": f"{ROOT / '.venv/bin'}:{find_engine().parent}:{os.environ['PATH']}",
        "MAKEFLAGS": "--assume-old=requirements.txt --assume-old=requirements-dev.txt "
        "--assume-old=pyproject.toml",
        **more,
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=checkout.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """What names a PostgreSQL as the service `shop`, of which the guides speak."""
    with running() as server:
        make(server, orders=2000)
        file = tmp_path_factory.mktemp("services") / "pg_service.conf"
        file.write_text(f"[shop]\nhost={server.socket}\nuser=postgres\ndbname={FAULTY}\n")
        yield {"PGSERVICEFILE": str(file)}


def test_the_commands_of_the_guides_work(checkout, database, tmp_path):
    backend = {
        **database,
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "of-a-test",
        "PULUMI_HOME": str(tmp_path / "home"),
    }
    shown = [command for page in GUIDES for command in commands(page)]
    assert set(GIVEN_ELSEWHERE) <= set(shown)

    failed, printed = [], {}
    for command in shown:
        if command not in GIVEN_ELSEWHERE:
            answer = give(command, checkout, **backend)
            printed.setdefault(command, answer.stdout.splitlines())
            # A verdict is told by the exit code, too: 1 fails, 3 uncertain.
            verdicts = (
                {1, 3} if re.search(r"^(Verdict|Review):", answer.stdout, re.MULTILINE) else set()
            )
            if answer.returncode not in {0, *verdicts}:
                failed.append(f"{command}\n{answer.stdout}{answer.stderr}")

    assert not failed, "\n\n".join(failed)
    checkout.assert_nothing_is_left()
    assert_is_what_the_readme_shows(printed["make up"])


def assert_is_what_the_readme_shows(printed):
    shown = re.search(
        r"^```text\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    lines = iter(re.sub(r"vpc-[0-9a-f]+", "vpc-0123456789abcdef0", line) for line in printed)
    for line in shown[1].splitlines():
        assert line == "..." or line in lines, f"`make up` does not print, in this order: {line}"


@pytest.fixture(scope="module")
def deployed(checkout, tmp_path_factory):
    """The stack `local` in the place of the one that the runbooks speak of."""
    checkout.must("up")
    record = checkout.record("emulator.json")
    backend = tmp_path_factory.mktemp("backend")
    account = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{record['port']}",
        "AWS_ACCESS_KEY_ID": record["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": record["secretAccessKey"],
        "AWS_DEFAULT_REGION": record["region"],
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "of-a-test",
        "PULUMI_HOME": str(backend / "home"),
    }
    assert give("pulumi stack init prod", checkout, **account).returncode == 0
    yield account
    checkout.must("down")


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_the_commands_of_a_runbook_work(page, checkout, deployed, tmp_path):
    groups = checkout.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    instance = groups[0]["Instances"][0]["InstanceId"]
    shown = [command for command in commands(page) if not command.startswith(NOT_HERE)]
    # One shell for the page, since later commands use what earlier ones have set.
    script = []
    for number, command in enumerate(shown):
        here = command.replace("surgeproof-prod-", "surgeproof-local-")
        here = here.replace("i-0123456789abcdef0", instance)
        script += [f"exec 2> {tmp_path}/{number}", here, f"echo $? > {tmp_path}/{number}.code"]

    give("\n".join(["set +eu", *script]), checkout, **deployed)

    failed = []
    for number, command in enumerate(shown):
        said = (tmp_path / str(number)).read_text()
        refusal = re.search(r"\((\w+)\) when calling the (\w+) operation", said)
        expected = refusal and LACKING.get(refusal[2]) == refusal[1]
        if (tmp_path / f"{number}.code").read_text() != "0\n" and not expected:
            failed.append(f"{command}\n{said.strip()}")
    assert shown
    assert not failed, "\n\n".join(failed)


def test_every_page_with_commands_is_one_that_is_tested():
    found = {
        page
        for page in ROOT.rglob("*.md")
        if not {".venv", "mutants"} & {*page.parts} and BLOCK.search(page.read_text())
    }

    assert found <= set(PAGES)
