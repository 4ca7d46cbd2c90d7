"""PostgreSQL's parameters, and what is kept of the log that they make it write."""

from collections.abc import Mapping
from typing import Final

from surgeproof.components.database.settings import DatabaseArgs

SLOW: Final = '"LOG:" "duration:" -"plan:"'
"""A line of log_min_duration_statement, and not the plan that auto_explain adds to it."""

QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "slow-queries": (
        "fields @timestamp, @message",
        "parse @message /duration: (?<milliseconds>[0-9.]+) ms/",
        "filter ispresent(milliseconds) and @message not like /plan:/",
        "sort milliseconds desc",
        "limit 50",
    ),
    "plans": (
        "fields @timestamp, @message",
        "filter @message like /duration: [0-9.]+ ms +plan:/",
        "sort @timestamp desc",
        "limit 20",
    ),
    "lock-waits": (
        "fields @timestamp, @message",
        "filter @message like /still waiting for|acquired [A-Za-z]+Lock|deadlock detected/",
        "sort @timestamp desc",
        "limit 50",
    ),
    "refused-connections": (
        (
            "filter @message like /remaining connection slots|too many clients|"
            "authentication failed|no pg_hba.conf entry/"
        ),
        "stats count(*) as refused by bin(1m)",
    ),
    "errors": (
        "filter @message like /(ERROR|FATAL|PANIC):/",
        "parse @message /(?<level>ERROR|FATAL|PANIC): +(?<text>.*)/",
        "stats count(*) as times by level, text",
        "sort times desc",
        "limit 50",
    ),
}
"""Saved queries over the database's log, by what they show."""


def postgresql_parameters(settings: DatabaseArgs) -> list[dict[str, str]]:
    """Return PostgreSQL's parameters; what is read at its start waits for the next one."""
    at_once = {
        "rds.force_ssl": "1",
        "log_min_duration_statement": str(settings["slow_query_milliseconds"]),
        "log_lock_waits": "1",
        "auto_explain.log_min_duration": str(settings["slow_query_milliseconds"]),
        # Timing each node of each plan costs more than it tells.
        "auto_explain.log_analyze": "0",
        "auto_explain.log_nested_statements": "1",
        "pg_stat_statements.track": "all",
    }
    at_start = {
        "max_connections": str(settings["max_connections"]),
        "shared_preload_libraries": "pg_stat_statements,auto_explain",
    }
    return [
        {"name": name, "value": value, "apply_method": method}
        for method, values in (("immediate", at_once), ("pending-reboot", at_start))
        for name, value in values.items()
    ]
