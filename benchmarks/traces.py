"""How fast access logs are read, and in how much memory.

`python -m benchmarks.traces --lines 10000000` makes a log of distinct lines, links it as often as
is needed, so that the disk holds it once, and reads all of it in a process of its own. Beside it,
in the same run: one line after the other by a regular expression, on the first file.
"""

import argparse
import gzip
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILE_LINES = 100_000


def entry(draw: random.Random, second: float) -> str:
    """Return an entry of an access log, about 450 bytes as in practice."""
    minute, rest = divmod(second, 60)
    created = f"2023-01-15T08:{int(minute):02d}:{rest:09.6f}Z"
    sent = draw.randrange(200, 90_000)
    return (
        f"https 2023-01-15T08:59:59.{draw.randrange(10**6):06d}Z app/shop/50dc6c495c0c9188 "
        f"198.51.100.{draw.randrange(256)}:{draw.randrange(1024, 65536)} "
        f"10.0.{draw.randrange(4)}.{draw.randrange(256)}:8080 0.000 0.{draw.randrange(1000):03d} "
        f'0.000 200 200 {draw.randrange(100, 900)} {sent} "GET https://shop.example.com:443/'
        f'items/{draw.randrange(10**6)}?page={draw.randrange(50)} HTTP/2.0" '
        '"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0" '
        "ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
        f'targetgroup/shop/73e2d6bc24d8a067 "Root=1-{draw.randrange(16**8):08x}-'
        f'{draw.randrange(16**12):024x}" "shop.example.com" "arn:aws:acm:eu-west-1:123456789012:'
        f'certificate/12345678-1234-1234-1234-123456789012" {draw.randrange(9)} {created} '
        '"forward" "-" "-" "10.0.0.1:8080" "200" "-" "-" TID_1234abcd5678ef90\n'
    )


def write_logs(directory: Path, lines: int) -> int:
    """Write so many lines, in whole files; return the bytes of all of them, unpacked."""
    draw = random.Random(1)  # noqa: S311
    size = min(lines, FILE_LINES)
    text = "".join(entry(draw, 300 * at / size) for at in range(size)).encode()
    first = directory / "0.log.gz"
    first.write_bytes(gzip.compress(text, 6))
    files = -(-lines // size)
    for number in range(1, files):
        os.link(first, directory / f"{number}.log.gz")
    return len(text) * files


def peak_mib() -> float:
    """Return the most memory that this process held (MiB)."""
    # Linux keeps a peak since the program began; getrusage's includes what its parent held.
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def read(directory: Path) -> None:
    """Read the logs; print lines, seconds, and the memory that it took (MiB)."""
    from surgeproof.traces.access_logs import read_access_logs  # noqa: PLC0415

    before = peak_mib()
    began = time.perf_counter()
    trace = read_access_logs(directory)
    took = time.perf_counter() - began
    if trace.bad_rows or round(trace.total_requests) != trace.rows:
        sys.exit(f"benchmark: read {trace.total_requests} of {trace.rows} lines")
    print(trace.rows, took, peak_mib() - before, peak_mib())


def read_by_line(file: Path) -> float:
    """Read one file line by line by the expression that decides; return lines/s."""
    from surgeproof.traces.access_logs import ENTRY  # noqa: PLC0415

    began = time.perf_counter()
    with gzip.open(file) as stream:
        matched = sum(ENTRY.match(line) is not None for line in stream)
    return matched / (time.perf_counter() - began)


def main() -> None:
    """Make the logs, read them in a child process, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000, help="lines (default: 200000)")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read)
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        size = write_logs(directory, options.lines)
        command = [sys.executable, "-m", "benchmarks.traces", "--read", name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines, took, more, peak = (float(word) for word in output.split())
        by_line = read_by_line(directory / "0.log.gz")
    print(f"access logs    {lines:,.0f} lines, {size / 1e6:,.0f} MB unpacked, gzip")
    print(f"speed          {lines / took:,.0f} lines/s ({size / took / 1e6:,.0f} MB/s)")
    print(f"peak memory    {peak:,.0f} MiB, {more:,.1f} MiB more than before reading")
    print(f"line by line   {by_line:,.0f} lines/s ({lines / took / by_line:.1f} x slower)")


if __name__ == "__main__":
    main()
