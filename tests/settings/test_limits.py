"""The page on limits states those of the code."""

import re
from datetime import UTC, datetime
from pathlib import Path

from surgeproof.plan import shapes
from surgeproof.policies import compute
from surgeproof.settings import limits
from surgeproof.traces import csv_file, log_files, trace

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "input.md"


def test_each_limit_is_the_one_of_the_code():
    stated = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE))
    last = datetime.fromtimestamp(trace.DATE_MAX, UTC).date()

    assert stated == {
        "what": "at most",
        "YAML file": f"{limits.SETTINGS_BYTES_MAX:,} bytes",
        "values of a YAML file, aliases written out": f"{limits.YAML_VALUES_MAX:,}",
        "text of a YAML file, aliases written out": f"{limits.YAML_TEXT_MAX:,} characters",
        "JSON document": f"{limits.DOCUMENT_BYTES_MAX:,} bytes",
        "values of a JSON document": f"{limits.JSON_VALUES_MAX:,}",
        "nesting of YAML and JSON": f"{limits.DEPTH_MAX} levels",
        "a number in YAML and JSON": f"{limits.NUMBER_CHARACTERS_MAX} characters",
        "a text of a resource's property, without JSON in it": (
            f"{shapes.TEXT_CHARACTERS_MAX:,} characters"
        ),
        "user data, unpacked": f"{compute.UNPACKED_BYTES_MAX:,} bytes",
        "problems of one document that are named": f"{limits.PROBLEMS_MAX}",
        "trace in a table": f"{csv_file.BYTES_MAX:,} bytes",
        "a line of a table": f"{csv_file.LINE_BYTES_MAX:,} bytes",
        "steps of a trace": f"{trace.STEPS_MAX:,}",
        "moments of a trace": f"1970-01-01 to {last}",
        "a line of an access log": f"{log_files.LINE_BYTES_MAX:,} bytes",
        "an access log, unpacked": f"{log_files.FILE_BYTES_MAX:,} bytes",
        f"an access log of more than {log_files.RATIO_FREE_BYTES:,} bytes, unpacked": (
            f"{log_files.RATIO_MAX} times its packed size"
        ),
        "files of access logs": f"{log_files.FILES_MAX:,}",
    }
    assert f"from 1970-01-01 to {last}" == trace.DATES
