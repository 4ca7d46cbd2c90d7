"""The command that tells how many requests single clients send."""

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from tests.traces.test_clients import lines


@pytest.fixture
def give(tmp_path):
    def run(text, *options):
        log = tmp_path / "access.log"
        log.write_text(text)
        result = CliRunner().invoke(main, ["clients", str(log), *options])
        return result.exit_code, result.output

    return run


def test_it_suggests_a_limit(give):
    text = lines("192.0.2.1:1", *range(20)) + lines("192.0.2.2:1", 0)

    code, printed = give(text, "--window-seconds", "60")

    assert code == 0
    assert printed == (
        "2 clients; requests of one within 60 s: half at most 1, 999 of 1,000 at most 20, the "
        "busiest 20\n"
        "webAcl.rateLimit: 40 is twice that of the busiest of a thousand\n"
    )


def test_a_limit_is_never_below_awss_least(give):
    code, printed = give(lines("192.0.2.1:1", 0))

    assert code == 0
    assert printed.splitlines()[1].startswith("webAcl.rateLimit: 10 ")


def test_logs_that_cannot_be_read_are_one_line(tmp_path):
    result = CliRunner().invoke(main, ["clients", str(tmp_path)])

    assert result.exit_code == 2
    assert result.output == (
        f"error: {tmp_path}: must be a file, a directory, a pattern or a prefix with files, got "
        "none\n"
    )
