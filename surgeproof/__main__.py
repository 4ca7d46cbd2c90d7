"""`surgeproof` and `python -m surgeproof`."""

import sys


def main() -> None:
    """Run the command line; a Ctrl-C while it is still being imported is no crash either."""
    try:
        from surgeproof.cli import main as command  # noqa: PLC0415

        command(prog_name="surgeproof")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; run it again to go on\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
