"""Run `surgeproof check` on stacks of the corpus: the command, or the function that it calls.

Both run in an empty directory, so that no project's settings hold.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path

from surgeproof.commands import checking
from surgeproof.commands.sources import Source
from surgeproof.findings import Finding, Kind
from tests.corpus import faulty, sound
from tests.corpus.manifest import CORPUS, Manifest
from tests.corpus.match import Result

ROOT = Path(__file__).parents[2]
MODULES = (sound, faulty)
"""What has entered its stacks into the corpus."""


def stacks(*, held_out: bool) -> list[Manifest]:
    """Return the stacks in use, or those that are held out."""
    return [each for each in CORPUS.values() if each.held_out is held_out]


def by_command(manifests: Iterable[Manifest], place: Path) -> list[Result]:
    """Run the command on each stack, as a user does."""

    def run(manifest: Manifest) -> Result:
        here = place / manifest.name
        here.mkdir()
        file = _written(manifest, here)
        command = [sys.executable, "-m", "surgeproof", "check", "--format", "json"]
        done = subprocess.run(
            [*command, _option(manifest), file.name],
            cwd=here,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in {0, 1}:
            raise RuntimeError(f"{manifest.name}: {done.stderr or done.stdout}")
        fields = ("rule", "level", "severity", "urn", "message", "why", "fix", "link")
        return _result(
            manifest,
            [
                Finding(kind=Kind(each["kind"]), **{key: each[key] for key in fields})
                for each in json.loads(done.stdout)["findings"]
            ],
        )

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, manifests))


def by_function(manifests: Iterable[Manifest], place: Path) -> list[Result]:
    """Call the command's function on each stack, in turn: it sets the process's environment."""
    results = []
    with chdir(place):
        for manifest in manifests:
            file = _written(manifest, place)
            of_state = manifest.form == "state"
            summary, _ = checking.check(
                source=Source(state=file) if of_state else Source(plan=file),
                stack=None,
                preset=None,
            )
            results.append(_result(manifest, summary.findings))
    return results


def _written(manifest: Manifest, place: Path) -> Path:
    file = place / f"{manifest.name}.json"
    file.write_text(json.dumps(manifest.document()), "utf-8")
    return file


def _option(manifest: Manifest) -> str:
    return "--state" if manifest.form == "state" else "--plan"


def _result(manifest: Manifest, findings: Iterable[Finding]) -> Result:
    found = tuple(findings)
    return Result(
        manifest,
        tuple(each for each in found if each.kind is Kind.VIOLATION),
        tuple(each for each in found if each.kind is Kind.UNDECIDED),
    )


def pinned(results: Iterable[Result]) -> dict[str, dict[str, list[str]]]:
    """Return what is said of each stack, as it is kept in a file: resources by rule."""
    kept: dict[str, dict[str, list[str]]] = {}
    for result in results:
        rules = kept[result.manifest.name] = {}
        for finding in (*result.violations, *result.undecided):
            word = finding.level if finding.kind is Kind.VIOLATION else finding.kind.value
            place = f"{finding.type.rpartition(':')[2]} {finding.name}" if finding.type else "stack"
            rules.setdefault(f"{finding.rule} ({word})", []).append(place)
        kept[result.manifest.name] = {rule: sorted(rules[rule]) for rule in sorted(rules)}
    return dict(sorted(kept.items()))
