"""`surgeproof` and `python -m surgeproof`."""

import atexit
import gc
import signal
import sys


def main() -> None:
    """Run the command line; a Ctrl-C while it is still being imported is no crash either."""
    # Pulumi's and botocore's modules are millions of objects that live as long as the command does.
    # Walking them every 700 allocations, and once more at the exit, is a quarter of a preview.
    gc.set_threshold(50_000, 20, 50)
    atexit.register(_leave)
    try:
        from surgeproof.cli import main as command  # noqa: PLC0415

        command(prog_name="surgeproof")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; run it again to go on\n")
        sys.exit(130)


def _leave() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all that could be stopped is done
    gc.freeze()


if __name__ == "__main__":
    main()
