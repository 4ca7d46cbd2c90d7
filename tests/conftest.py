"""Fixtures for tests of components on moto.

A test asks for `build`, builds a component with it, and then asks moto, through `aws`, what
exists:

    def test_the_bucket_is_private(build, aws):
        build(lambda: LoadBalancer("web", {...}))

        block = aws("s3").get_public_access_block(Bucket=...)

`build(make, stack=..., config=...)` runs `make` with Pulumi's mocks, whose AWS resources are
created in moto by the emulator's own rows, waits for all registrations, and returns the mocks:
`mocks.registered` lists each resource with its inputs and outputs. A property that AWS would
refuse, and one that the rows have no place for, fails the test. Both fixtures share one empty moto
account, which is gone after the test.
"""

import os
import signal
from collections import defaultdict

import pytest
from hypothesis import settings

# The same examples in each run of CI, so that a red one is the change's; elsewhere new ones.
# No example has a deadline: how long one takes says how busy the machine is.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


# What starts the tests may ignore signals (`nohup`, or `&` in a script). Children inherit it. The
# commands respect it, so that tests of interruptions would wait for ever.
for _number, _handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


TRIED = defaultdict(list)
"""By kind of moment or damage: whether each that was tried was put right."""

MINUTES = {"lint": 4, "unit": 12, "simulation": 10, "engine": 12, "browser": 3}
"""By phase: what it may take of one core. What makes it longer becomes a command with a name, as
`make torture` is, and a short form of it stays."""

SIMULATED = ("alerting", "outage", "request_level", "simulation")
IN_BROWSER = ("test_browser.py", "test_attack_page.py")

TOOK = defaultdict(float)
"""By phase: seconds that its tests took, over all workers."""

NO_SKIPS = "SURGEPROOF_NO_SKIPS"
"""Variable that `.ci/run` sets: what a test needs has to be there, or the test fails."""

LINT = "SURGEPROOF_LINT_SECONDS"
"""Variable that `make test` sets, which runs every phase: how long style and types took."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Let a test that is skipped fail in CI, unless it is marked as optional."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if os.environ.get(NO_SKIPS) and skipped and not item.get_closest_marker("optional"):
        report.outcome = "failed"
        report.longrepr = f"must not be skipped in CI: {call.excinfo.value}"
    if report.when == "call" and item.path.stem == "test_interruptions":
        kind = getattr(item, "originalname", item.name)
        TRIED[kind.removeprefix("test_").replace("_", " ")].append(report.passed)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """Let a file of tests that is skipped as a whole fail there, too."""
    report = yield
    if os.environ.get(NO_SKIPS) and report.skipped:
        report.outcome, report.longrepr = "failed", f"must not be skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def moto_account():
    """An empty AWS account in this process."""
    from surgeproof.emulator.mocks import aws_in_process  # noqa: PLC0415 - moto is slow

    with aws_in_process():
        yield


@pytest.fixture
def aws(moto_account):
    """Return a function that gives the boto3-like client of a service in the account."""
    from surgeproof.emulator.mocks import MotoClients  # noqa: PLC0415 - moto is slow

    return MotoClients().client


@pytest.fixture
def aws_without_images(monkeypatch, request):
    """The same without EC2's images, of which moto makes thousands for each account."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    return request.getfixturevalue("aws")


@pytest.fixture
def unanswered(monkeypatch):
    """boto3's clients by name of service, which nobody answers."""
    import boto3  # noqa: PLC0415 - slow

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return lambda service: boto3.client(service, region_name="eu-west-1")


@pytest.fixture
def answered(unanswered):
    """boto3's clients by name of service, which moto answers in this process."""
    from moto import mock_aws  # noqa: PLC0415 - slow

    with mock_aws():
        yield unanswered


@pytest.fixture
def build(moto_account):
    """Return a function that runs a program in the account; see this file's docstring."""
    from surgeproof.emulator.mocks import build  # noqa: PLC0415 - moto is slow

    return build


@pytest.fixture
def torture():
    """Note what was tried, so that the run's last lines say how many of each kind passed."""

    def note(kind, *, passed):
        TRIED[kind].append(passed)

    return note


def phase_of(report):
    """Return the phase that a test belongs to."""
    folder, _, file = report.location[0].removeprefix("tests/").rpartition("/")
    if file in IN_BROWSER:
        return "browser"
    if "engine" in report.keywords:
        return "engine"
    return "simulation" if folder in SIMULATED else "unit"


def pytest_runtest_logreport(report):
    """Add up what setting up, running and tearing down took."""
    TOOK[phase_of(report)] += report.duration


def tell_phases(terminalreporter):
    terminalreporter.section("minutes of one core, by phase")
    for phase, minutes in MINUTES.items():
        took = TOOK[phase] / 60
        too_long = ": longer than planned, see MINUTES in tests/conftest.py"
        terminalreporter.write_line(
            f"{took:5.1f} of {minutes:2} {phase}{too_long if took > minutes else ''}"
        )


def pytest_terminal_summary(terminalreporter):
    if lint := os.environ.get(LINT):
        TOOK["lint"] = float(lint)
        tell_phases(terminalreporter)
    if not TRIED:
        return
    terminalreporter.section("torture")
    for kind, passed in sorted(TRIED.items()):
        terminalreporter.write_line(f"{sum(passed):5} of {len(passed):5} put right: {kind}")
    every = [each for passed in TRIED.values() for each in passed]
    terminalreporter.write_line(f"{sum(every):5} of {len(every):5} put right in all")
