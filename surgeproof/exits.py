"""How a command ends: the exit codes, defined here alone, and the one line that goes with each."""

import enum
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from surgeproof.escaping import terminal
from surgeproof.settings.errors import path_shown

PACKAGE: Final = Path(__file__).resolve().parent

TRACE: Final = "SURGEPROOF_TRACE"
"""Environment variable that shows the traceback of an unexpected error under its line."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

OF_A_PATH: Final = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""What the system says where a path as given is wrong; all else is the machine's."""


class Exit(enum.IntEnum):
    """Exit code of a command, with its meaning as docs/reference/exit-codes.md has it."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Make a code that knows its meaning."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    DONE = (
        0,
        (
            "Done. `replay`, `review`: *survives*. `check`, `preview`, `up`: no mandatory rule is "
            "broken. `queries`: no finding."
        ),
    )
    NO = (
        1,
        (
            "The answer is no. `replay`, `review`: *fails*. `check`, `preview`, `up`: a mandatory "
            "rule is broken, or failed by itself. `status --deployed`: pages reach nobody. "
            "`drill page`: the message did not arrive in time. `drill answer`: the score is below "
            "the passing score. `review due`: something is overdue. "
            "`incident check`: a review is not done, or an action item is overdue. `incident "
            "report`: the evidence holds no incident. `queries`: there are findings."
        ),
    )
    BAD_INPUT = (
        2,
        (
            "An option is wrong, or a file that the command reads. `drill page`: it would harm; "
            "nothing was done."
        ),
    )
    UNCERTAIN = (
        3,
        (
            "`replay`, `review`: the verdict is *uncertain*. `queries`: no finding, but not all "
            "could be read."
        ),
    )
    FAILED = (
        4,
        (
            "It could not be done: the program, the engine, AWS, the database, the disk or the "
            "memory failed, or surgeproof itself."
        ),
    )
    INTERRUPTED = (130, "Interrupted: by Ctrl-C, SIGTERM or SIGHUP, or not confirmed.")
    PIPE_CLOSED = (141, "The reader of the output has ended, as `head` does.")


AGAIN: Final = "run it again to go on"
"""What to do after an interruption."""


class AnswerIsNo(Exception):  # noqa: N818 - it is an answer
    """What was asked has been judged, and the answer is no. Exit code 1."""


class InputError(Exception):
    """What the user asked for cannot be done as asked; one line says why. Exit code 2."""


def system_error(error: OSError) -> str:
    """Return what the system says, with the file that it says it of."""
    place = f"{path_shown(error.filename)}: " if error.filename else ""
    if error.errno in _FULL:
        return f"{place}the disk is full; free some space and run it again"
    return f"{place}{error.strerror or error or type(error).__name__}"


@contextmanager
def path_of(option: str) -> Iterator[None]:
    """Say of which option a path is that cannot be read or written as it is given."""
    try:
        yield
    except OSError as error:
        if error.errno not in OF_A_PATH:
            raise
        raise InputError(f"{option}: {system_error(error)}") from error


def ending_of_output(error: OSError) -> tuple[Exit, str]:
    """Return the exit code and the line of a command whose output cannot be written."""
    if isinstance(error, BrokenPipeError):
        return Exit.PIPE_CLOSED, ""
    return Exit.FAILED, f"error: standard output: {system_error(error)}"


def unexpected(error: BaseException) -> str:
    """Return an error that nobody foresaw in one line, with the place where it arose."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, OSError):
        return system_error(error)
    import traceback  # noqa: PLC0415 - a command that goes well does without

    if isinstance(error, SystemExit):
        return f"surgeproof was ended from inside (exit code {error.code})"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if PACKAGE in Path(frame.filename).parents] or frames
    place = ""
    if ours:
        file = Path(ours[-1].filename)
        shown = file.relative_to(PACKAGE.parent) if PACKAGE in file.parents else file
        place = f" ({shown}:{ours[-1].lineno})"
    said = " ".join(str(error).split())
    return (
        f"surgeproof failed: {type(error).__name__}{f': {said}' if said else ''}{place}; "
        f"{TRACE}=1 shows where"
    )


def say(line: str) -> None:
    """Print a line on stderr, whatever has become of it; others may have written parts of it."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{terminal(line)}\n")
        sys.stderr.flush()


def show_trace(error: BaseException) -> None:
    """Print the traceback where `SURGEPROOF_TRACE` asks for it."""
    import traceback  # noqa: PLC0415 - as above

    if os.environ.get(TRACE):
        say("".join(traceback.format_exception(error)).rstrip())


def open_standard_files() -> None:
    """Give a closed stdin, stdout or stderr the null device.

    Else the next file that is opened gets its number, and what is printed goes into that file.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def flushed(code: int) -> int:
    """Write out what is still buffered; return the exit code, another one where that fails.

    The interpreter would try again at its end, with a traceback and exit code 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if stream is sys.stdout and code not in (Exit.FAILED, Exit.PIPE_CLOSED):
                code, line = ending_of_output(error)
                if line:
                    say(line)
        except ValueError:  # it is closed
            continue
        else:
            continue
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code
