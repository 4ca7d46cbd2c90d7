"""The one place where what befalls a command becomes an exit code and at most one line."""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any, Final, NoReturn

import click

from surgeproof import exits, interrupts
from surgeproof.commands.ahead import ReadingError
from surgeproof.emulator.engine_at_work import Interrupted
from surgeproof.emulator.run_directory import RunError
from surgeproof.exits import AnswerIsNo, Exit, InputError
from surgeproof.operations.automation import AutomationError, UnknownError
from surgeproof.queries.errors import QueriesError

NAME = "surgeproof"
COMPLETION = f"_{NAME.upper()}_COMPLETE"
"""Environment variable by which a shell asks click for completions."""

_USAGE_CHARACTERS_MAX: Final = 1000
"""Of what click says, which repeats a wrong value however long it is."""


class Commands(click.Group):
    """Turns whatever befalls a command into an exit code and at most one line."""

    def main(self, args: Sequence[str] | None = None, **more: Any) -> NoReturn:  # type: ignore[override]
        """Run the command line to its end. Click's own would end a broken pipe with code 1."""
        if COMPLETION in os.environ:
            super().main(args, **more)
        interrupts.begin_output()
        code: int
        try:
            words = sys.argv[1:] if args is None else args
            with self.make_context(NAME, list(words)) as context:
                code = self.invoke(context) or Exit.DONE
            if code == Exit.DONE and (lost := interrupts.lost_output()) is not None:
                code = _told(lost)
        except click.exceptions.Exit as ending:
            code = ending.exit_code
        except click.UsageError as error:
            code = _told_of_usage(error)
        except click.ClickException as error:
            with suppress(OSError):
                error.show()
            code = error.exit_code
        except BaseException as error:  # noqa: BLE001 - what befell it before the command began
            code = _told(error)
        sys.exit(exits.flushed(code))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; return its exit code, where it has another one than 0."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):  # click's own, which say all
            raise
        except BaseException as error:  # noqa: BLE001 - no error may look like a verdict
            return _told(error)


def _told_of_usage(error: click.UsageError) -> int:
    """Say in one line what is wrong with an option; a command that needs more shows its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        with suppress(OSError):
            error.show()
        return error.exit_code
    said = one_line(error.format_message()).removesuffix(".")
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        hint = error.param.get_error_hint(error.ctx) if error.param else "an option"
        said = f"{hint.replace(chr(39), '')}: {one_line(error.message).removesuffix('.')}"
    elif error.ctx is not None:
        said += f" (see `{error.ctx.command_path} --help`)"
    whole = len(said) <= _USAGE_CHARACTERS_MAX
    exits.say(f"error: {said if whole else said[: _USAGE_CHARACTERS_MAX - 3] + '...'}")
    return error.exit_code


def _told(error: BaseException) -> Exit:
    code, line = _ending(error)
    if line:
        exits.say(line)
    return code


def _ending(error: BaseException) -> tuple[Exit, str]:
    """Return the exit code and the line that an error ends its command with."""
    if (lost := interrupts.lost_output()) is not None:
        return exits.ending_of_output(lost)
    match error:
        case AnswerIsNo():
            return Exit.NO, f"error: {error}"
        case InputError() | UnknownError():
            return Exit.BAD_INPUT, f"error: {error}"
        case ValueError() if _is_of_a_trace_or_plan(error):
            return Exit.BAD_INPUT, f"error: {one_line(error)}"
        case ValueError() if _is_of_evidence(error):
            return Exit.BAD_INPUT, f"error: {one_line(error)}"
        case RunError() | AutomationError() | ReadingError() | QueriesError():
            return Exit.FAILED, f"error: {error}"
        case Interrupted() | KeyboardInterrupt():
            return Exit.INTERRUPTED, f"{str(error) or 'interrupted'}; {exits.AGAIN}"
        case click.Abort():  # at a question
            return Exit.INTERRUPTED, "not confirmed: nothing was done"
        case BrokenPipeError():
            return Exit.PIPE_CLOSED, ""
        case ModuleNotFoundError() if extra := _extra_with(error.name):
            return Exit.FAILED, (
                f"error: {error.name}: must be installed for this command; it comes with "
                f"`pip install 'surgeproof[{extra}]'`"
            )
    exits.show_trace(error)
    return Exit.FAILED, f"error: {exits.unexpected(error)}"


def _extra_with(module: str | None) -> str | None:
    """Return the extra of this distribution that installs a module; None where there is none."""
    name = str(module).partition(".")[0].replace("_", "-")
    for requirement in metadata.requires(NAME) or ():
        found = re.match(r"(?:python-)?([\w.-]+)[^;]*; extra == [\"'](\w+)", requirement)
        if found and found[1] == name:
            return found[2]
    return None


def _is_of_a_trace_or_plan(error: ValueError) -> bool:
    # They load numpy, for which no command need wait; whoever raises one has loaded them.
    from surgeproof.plan import PlanError  # noqa: PLC0415
    from surgeproof.traces import TraceError  # noqa: PLC0415

    return isinstance(error, PlanError | TraceError)


def _is_of_evidence(error: ValueError) -> bool:
    # The module loads pydantic; code that raises one has loaded it.
    loaded = sys.modules.get("surgeproof.incident.evidence")
    return loaded is not None and isinstance(error, loaded.EvidenceError)


def one_line(error: Exception | str) -> str:
    """Return what an error says, which may be several problems, in one line."""
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
