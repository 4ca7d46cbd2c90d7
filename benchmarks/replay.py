"""Prints how long `surgeproof replay` takes from a cold process to its verdict.

python -m benchmarks.replay [runs]
"""

import os
import resource
import subprocess
import sys
import time

COMMAND = ("replay", "--stack", "dev", "--trace", "x2-in-300s")
AT_MOST_SECONDS = 4.0
GOAL_SECONDS = 3.0


def main() -> None:
    """Print the figures."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    command = [sys.executable, "-m", "surgeproof", *COMMAND]
    walls, processors = [], []
    for number in range(runs + 1):
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if code not in {0, 1, 3}:
            sys.exit(f"surgeproof {' '.join(COMMAND)}: exit code {code}")
        if number == 0:
            print(f"first run, compilation or its cache included  {wall:8.2f} s")
            continue
        walls.append(wall)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    walls.sort()
    print(
        f"surgeproof {' '.join(COMMAND)}, cold process: best {walls[0]:.2f} s, median "
        f"{walls[len(walls) // 2]:.2f} s; processor time {min(processors):.2f} s over "
        f"{len(os.sched_getaffinity(0))} cores (at most {AT_MOST_SECONDS:g}, goal "
        f"{GOAL_SECONDS:g}); load of the machine while this ran: {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
