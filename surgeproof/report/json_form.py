"""The report for programs; its schema is docs/reference/replay.schema.json.

python -m surgeproof.report.json_form writes the schema anew.
"""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter

from surgeproof import files
from surgeproof.plan.configured import Surviving
from surgeproof.report import model
from surgeproof.report.model import Report
from surgeproof.simulation import measures
from surgeproof.simulation.attribution import Lifted
from surgeproof.simulation.outcomes import Outcome
from surgeproof.simulation.verdict import Verdict

SCHEMA_FILE: Final = Path(__file__).parents[2] / "docs" / "reference" / "replay.schema.json"

for _each in (
    Surviving,
    *(
        getattr(model, name)
        for name in ("Assumed", "Moment", "Replay", "Replayed", "Report", "Series")
    ),
    *(
        getattr(measures, name)
        for name in (
            "Before",
            "Cost",
            "Elasticity",
            "FirstAlarm",
            "Limit",
            "Measured",
            "Mover",
        )
    ),
    Outcome,
    Verdict,
    Lifted,
):
    # The records know nothing of pydantic, so what it needs to know of them is said here.
    _each.__pydantic_config__ = ConfigDict(use_attribute_docstrings=True, extra="forbid")


def to_json(report: Report) -> str:
    """Return the report as JSON."""
    return TypeAdapter(Report).dump_json(report, indent=2).decode()


def from_json(text: str) -> Report:
    """Return the report that JSON states; raise pydantic's ValidationError where it is none."""
    return TypeAdapter(Report).validate_json(text)


def schema() -> dict[str, Any]:
    """Return the JSON schema of the report, each field with its meaning."""
    made = TypeAdapter(Report).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_text() -> str:
    """Return the schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    files.write_text(SCHEMA_FILE, schema_text())
