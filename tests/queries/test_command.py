"""`surgeproof queries` from its options to its ending, without a server."""

import sys

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main


def give(*options):
    done = CliRunner().invoke(main, ["queries", *options])
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("PGHOST", "PGPORT", "PGSERVICE", "PGUSER", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--database", "postgresql://u:hidden@h/d"],
            (
                "error: --database: must hold no password, which every user of this machine could "
                "read in the list of processes; PGPASSWORD or ~/.pgpass holds it\n"
            ),
        ),
        (
            ["--database", "nonsense"],
            (
                "error: --database: must be a URL (postgresql://user@host/database) or name=value "
                "pairs (service=NAME), got neither\n"
            ),
        ),
        (["--tunnel", "5"], "error: --tunnel: must stand with --stack, and without --database\n"),
        (["--embedded"], "error: --embedded: must stand with --stack\n"),
        (["--top", "0"], "error: --top: 0 is not in the range 1<=x<=1000\n"),
    ],
)
def test_a_wrong_option_is_one_line(options, told):
    assert give(*options) == (2, told)


def test_a_server_that_does_not_answer_is_one_line(tmp_path):
    code, printed = give("--database", f"host={tmp_path}")

    assert code == 4
    assert printed.startswith("error: the database cannot be reached: connection ")
    assert printed.count("\n") == 1


def test_a_file_of_something_else_is_one_line(tmp_path):
    file = tmp_path / "counts.json"
    file.write_text('{"format": 2}')

    assert give("--since", str(file)) == (
        2,
        (
            f"error: --since: {file}: must be counts that `surgeproof queries --save` has written "
            "(format 1), got 2\n"
        ),
    )


@pytest.mark.parametrize("module", ["psycopg", "pglast"])
def test_what_is_not_installed_is_named_with_the_extra_that_has_it(monkeypatch, module):
    for name in [each for each in sys.modules if each.startswith("surgeproof.queries.")]:
        if name != "surgeproof.queries.errors":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)

    assert give() == (
        4,
        (
            f"error: {module}: must be installed for this command; it comes with "
            "`pip install 'surgeproof[queries]'`\n"
        ),
    )


def test_help_has_an_example():
    code, printed = give("--help")

    assert code == 0
    assert (
        "    surgeproof queries --database postgresql://reviewer@localhost:15432/app --save "
        "review.json\n"
    ) in printed
