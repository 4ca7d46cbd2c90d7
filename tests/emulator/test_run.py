"""The run of an embedded stack."""

import subprocess
import sys

PROGRAM = """
import logging, pathlib, sys, types
from surgeproof.emulator import run

with run._logging(types.SimpleNamespace(path=pathlib.Path(sys.argv[1]))):
    logging.getLogger(run.__name__).error("in time")
logging.getLogger(run.__name__).error("too late")
"""


def test_a_program_that_outlives_its_run_tells_the_user_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "provider.log").read_text() == "in time\n"
