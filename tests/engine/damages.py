"""Damage to what a run keeps: each kind, done to each thing."""

import os
import random
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final


def _clear(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)  # what it lay in may be damaged already
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode & 0o777 if path.is_file() else 0o644
    _clear(path)
    path.write_bytes(content)
    path.chmod(mode)


def half(path: Path) -> None:
    if path.is_file():
        os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    """Change one letter in the middle to another, as a faulty disk or hand does."""
    content = bytearray(path.read_bytes() if path.is_file() else b"")
    if content:
        content[len(content) // 2] ^= 1
        _write(path, bytes(content))


def directory(path: Path) -> None:
    _clear(path)
    (path / "in").mkdir(parents=True)
    (path / "in" / "it").write_text("something")


def link(path: Path) -> None:
    """Put a link to a folder of the user's in its place."""
    _clear(path)
    path.symlink_to(path.parents[2] / "mine", target_is_directory=True)


def link_to_file(path: Path) -> None:
    _clear(path)
    path.symlink_to(path.parents[2] / "mine" / "diary.txt")


def link_to_nothing(path: Path) -> None:
    _clear(path)
    path.symlink_to("nowhere")


def pipe(path: Path) -> None:
    _clear(path)
    os.mkfifo(path)


DAMAGES: Final[dict[str, Callable[[Path], None]]] = {
    "gone": _clear,
    "empty": lambda path: _write(path, b""),
    "half": half,
    "one bit": flip,
    "garbage": lambda path: _write(path, secrets.token_bytes(3000)),
    "text": lambda path: _write(path, b"not what it was\n"),
    "null": lambda path: _write(path, b"null\n"),
    "a list": lambda path: _write(path, b"[1, [], {}]\n"),
    "another map": lambda path: _write(path, b'{"checkpoint": {"latest": [7]}, "pid": "x"}\n'),
    "no resources": lambda path: _write(
        path, b'{"version": 3, "checkpoint": {"latest": {"resources": [{}, 7]}}}\n'
    ),
    "surrogates": lambda path: _write(path, b'{"pid": "\\ud800", "port": 1e999}\n'),
    "a directory": directory,
    "a link to a folder": link,
    "a link to a file": link_to_file,
    "a link to nothing": link_to_nothing,
    "a pipe": pipe,
    "no permission": lambda path: path.chmod(0) if path.exists() else None,
}


NOT_THE_SAME: Final = ("home/logs", "home/workspaces", "state/.pulumi/history", ".pulumi/locks")
"""Where names differ from run to run, or nothing lies between two commands."""


def things(run: Path) -> list[str]:
    """Return what a run keeps, files and directories."""
    found = sorted(str(path.relative_to(run)) for path in run.rglob("*"))
    return [name for name in found if not any(each in name for each in NOT_THE_SAME)]


def chosen(number: int, run: Path) -> list[tuple[str, str]]:
    """Return pairs of a thing and a damage, by a seed: each damage in turn."""
    rng = random.Random(f"damages {number}")  # noqa: S311 - chooses cases
    every = things(run)
    return [
        (rng.choice(every), damage)
        for _ in range(0, number, len(DAMAGES))
        for damage in rng.sample(list(DAMAGES), len(DAMAGES))
    ][:number]
