"""Runs one day in VASIM, in VASIM's own environment; prints simulated minutes and seconds.

`python vasim_day.py DIRECTORY`, without a forecast: it waits ten days for the first one.
"""

import json
import logging
import math
import sys
import time
from pathlib import Path

logging.disable(logging.CRITICAL)

import pandas as pd  # noqa: E402 - in VASIM's environment
from vasim.recommender.cluster_state_provider.ClusterStateConfig import (  # noqa: E402
    ClusterStateConfig,
)
from vasim.simulator.InMemorySimulator import (  # noqa: E402
    InMemoryRunnerSimulator,
)

MINUTES = 1440


def main(directory: Path) -> None:
    """Write a day of processor use, simulate it, and print what it took."""
    lines = ["TIMESTAMP,CPU_USAGE_ACTUAL"]
    for minute in range(MINUTES):
        moment = f"2026.01.01-{minute // 60:02d}:{minute % 60:02d}:00:000000"
        lines.append(f"{moment},{4 + 3 * math.sin(minute / 229):.3f}")
    (directory / "day_perf_event_log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {
        "general_config": {
            "window": 40,
            "lag": 1,
            "max_cpu_limit": 20,
            "min_cpu_limit": 1,
            "recovery_time": 15,
        },
        "algo_specific_config": {"addend": 2},
    }
    settings = directory / "metadata.json"
    settings.write_text(json.dumps(config), encoding="utf-8")
    stated = ClusterStateConfig(filename=str(settings))
    stated.prediction_config = {
        "frequency_minutes": 1,
        "waiting_before_predict": 10 * MINUTES,
        "forecasting_models": "naive",
        "minutes_to_predict": 10,
        "total_predictive_window": 40,
    }
    runner = InMemoryRunnerSimulator(
        str(directory),
        config=stated,
        algorithm="additive",
        target_simulation_dir=str(directory / "out"),
    )
    provider = runner.cluster_state_provider
    provider.set_cpu_limit(runner.initial_cpu_limit)
    step = pd.Timedelta(minutes=runner.sleep_interval_minutes)
    count = 0
    started = time.perf_counter()
    while provider.current_time + step < provider.end_time:
        runner._execute_simulation_step()  # noqa: SLF001 - its run() also draws charts
        count += 1
    print(count, time.perf_counter() - started)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
