"""`surgeproof clients`: how many requests single clients send."""

import click

from surgeproof.exits import path_of
from surgeproof.printing import say


@click.command()
@click.argument("logs")
@click.option(
    "--window-seconds",
    type=click.Choice(["60", "120", "300", "600"]),
    default="300",
    show_default=True,
    help="Window of the rate rule: webAcl.rateWindowSeconds.",
)
@click.option("--load-balancer", help="Which one, where the logs are of several.")
def clients(logs: str, *, window_seconds: str, load_balancer: str | None) -> None:
    """Say how many requests single clients send, to choose webAcl.rateLimit by.

    LOGS are the load balancer's access logs: a file, a directory or a pattern.
    """
    # numpy takes a while to load, for which the other commands need not wait.
    from surgeproof.traces.clients import read_client_rates  # noqa: PLC0415

    with path_of("LOGS"):
        rates = read_client_rates(
            logs, window_seconds=int(window_seconds), load_balancer=load_balancer
        )
    most = rates.percentile(99.9)
    say(
        f"{len(rates.busiest):,} clients; requests of one within {window_seconds} s: "
        f"half at most {rates.percentile(50):,}, 999 of 1,000 at most {most:,}, "
        f"the busiest {rates.busiest[-1]:,}\n"
        f"webAcl.rateLimit: {max(2 * most, 10)} is twice that of the busiest of a thousand"
    )
