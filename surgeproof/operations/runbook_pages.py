"""The pages on alarms under docs/runbooks/, with the names of a stack filled in."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PAGES: Final = Path("docs", "runbooks")
"""Where the pages are, below the project's root."""

_NAMES: Final = re.compile(r"\bsurgeproof-prod(?=[-`'\" ])")
"""Project and stack in the names of what the pages' commands are about."""
_STACK: Final = re.compile(r"(?<=--stack )prod\b")
_ABOUT_NAMES: Final = (
    "Names below are those of stack `prod`; put the alarm's own project and stack in their place."
)


def titles(root: Path) -> Sequence[str]:
    """Return the names of the pages of the project in `root`, without `.md`."""
    return sorted(page.stem for page in (root / PAGES).glob("*.md"))


def page(root: Path, project: str, stack: str, asked: str) -> str | None:
    """Return a page for a stack, ready to paste; None where there is none of that name.

    Args:
        root: The project's directory.
        project: Name of the project that was deployed.
        stack: Name of its stack.
        asked: Name of a page, or of an alarm: its page is the longest name in it.

    """
    found = [title for title in titles(root) if f"-{title}-" in f"-{asked}-"]
    if not found:
        return None
    text = (root / PAGES / f"{max(found, key=len)}.md").read_text("utf-8")
    text = text.replace(_ABOUT_NAMES, f"Names below are those of stack `{stack}`.")
    return _STACK.sub(stack, _NAMES.sub(f"{project}-{stack}", text))
