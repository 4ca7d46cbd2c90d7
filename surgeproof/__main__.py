"""`surgeproof` and `python -m surgeproof`."""

import atexit
import gc
import signal

from surgeproof import exits, interrupts


def main() -> None:
    """Run the command line; an interruption while it is still being imported is one line, too."""
    exits.open_standard_files()
    interrupts.begin()
    # Pulumi's and botocore's modules are millions of objects that live as long as the command does.
    # Walking them every 700 allocations, and once more at the exit, is a quarter of a preview.
    gc.set_threshold(50_000, 20, 50)
    atexit.register(_leave)
    try:
        from surgeproof.commands.main import main as command  # noqa: PLC0415
    except Exception as error:  # noqa: BLE001 - a damaged installation, or no memory
        exits.show_trace(error)
        exits.say(f"error: {exits.unexpected(error)}")
        raise SystemExit(exits.Exit.FAILED) from None
    command()


def _leave() -> None:
    for each in interrupts.SIGNALS:  # all that could be stopped is done
        signal.signal(each, signal.SIG_IGN)
    gc.freeze()


if __name__ == "__main__":
    main()
