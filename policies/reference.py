"""Writes docs/reference/policies.md from the pack: `python -m surgeproof.policies.reference`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pulumi_policy import EnforcementLevel

from surgeproof import files
from surgeproof.findings.model import RESOURCE_NOTES, STACK_NOTES
from surgeproof.policies import pack
from surgeproof.policies._rules import AnyRule, StackRule
from surgeproof.policies._settings import FOUNDATIONAL
from surgeproof.policies.limits import LIMITS

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "policies.md"

_HEAD: Final = f"""# Policies

<!-- Written by `make reference`. Change the rules in policies/, not this page. -->

The rules of the pack in `policies/`. How to run it, and what *mandatory*, *advisory* and
*not decided* mean, is in [policies/README.md](../../policies/README.md). `{RESOURCE_NOTES}` and
`{STACK_NOTES}` are no rules: they report what the rules could not decide.

A rule *on one resource* is decided before the resource is created or changed. A rule *across
resources* is decided at the end of a preview, and again at the end of `up`. An *opt-in* rule is off
until the stack's settings give it a level, or choose the preset `strict`; a rule's own settings
stand there, too: `policies:rules` in [policies/README.md](../../policies/README.md).

*Asked for by* names frameworks, in these versions, as checked in November 2026:

- `FSBP ELB.4`: AWS Foundational Security Best Practices v1.0.0, by control of AWS Security Hub.
  Checked in Security Hub's user guide: the standard's list of controls, and each control's page.
- `CIS 5.0.0 2.2.1`: CIS AWS Foundations Benchmark v5.0.0, by recommendation. Checked by what those
  pages say each control is required for; 5.3, 5.4 and 5.7 by the recommendations' titles as well.
- `Well-Architected REL10-BP01`: AWS Well-Architected Framework, edition of 6 November 2024, by best
  practice. Checked by the title of each.

*Also checked as* names the same or a close check elsewhere: controls of Security Hub (those of its
other standards, too, such as `KMS.4`), of Control Tower (`CT.`), rules of Checkov (`CKV`), Trivy
(`AWS-`), Pulumi's compliance policies (`PCP`) and AWSGuard (`AG`), and of AWS's registry for
CloudFormation Guard (`G`).
"""


def page() -> str:
    """Return the reference page."""
    parts = [_HEAD]
    for area, rules in pack.AREAS.items():
        parts += [f"## {area}\n", *map(_section, rules)]
    parts.append("## What a plan does not tell\n")
    parts.append("".join(f"- {what}: {why}.\n" for what, why in LIMITS))
    return "\n".join(parts)


def _section(rule: AnyRule) -> str:
    across = "across resources" if isinstance(rule, StackRule) else "on one resource"
    checked = [rule.control] if rule.control else []
    checked += rule.sources
    level = rule.enforcement
    enforced = "opt-in" if level is EnforcementLevel.DISABLED else level.value
    lines = [
        f"### {rule.name}\n",
        f"{rule.description}\n",
        f"- Severity {rule.severity.value}, {enforced}, {across}",
    ]
    if checked:
        lines.append(f"- Also checked as: {', '.join(checked)}")
    asked = [f"{FOUNDATIONAL} {rule.control}"] if rule.foundational else []
    asked += rule.frameworks
    if asked:
        lines.append(f"- Asked for by: {', '.join(asked)}")
    for setting in rule.settings:
        default = json.dumps(setting.default)
        lines.append(f"- Setting `{setting.name}`, default {default}: {setting.description}")
    if rule.mends:
        paths = ", ".join(f"`{mend.path}`" for mend in rule.mends)
        lines.append(f"- Set by the level `remediate`: {paths}")
    if rule.link:
        lines.append(f"- To read: <{rule.link}>")
    return "\n".join([*lines, "", "To fix it:\n", _fix(rule.fix), ""])


def _fix(text: str) -> str:
    """Set the lines that are code as code: those that begin with a call or an argument."""
    shown = []
    for line in text.splitlines():
        is_code = line.startswith(("aws.", "default_actions="))
        shown.append(f"\n```python\n{line}\n```\n" if is_code else line)
    return "\n".join(shown).strip()


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with --check only say whether it is current."""
    text = page()
    if "--check" not in arguments:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(PAGE, text)
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("docs/reference/policies.md is stale: run make reference\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
