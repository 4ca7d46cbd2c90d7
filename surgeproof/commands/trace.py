"""`surgeproof trace`: what traces there are, and the service's own traffic as a trace.

What is read from CloudWatch or from access logs is written to a CSV file, which is then replayed,
reviewed and kept like any other.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surgeproof.commands.parameters import FilePath, Time
from surgeproof.exits import InputError, path_of
from surgeproof.printing import say
from surgeproof.settings import errors

if TYPE_CHECKING:
    from surgeproof.traces import Trace

GROWTH_SECONDS = (60, 300)
"""Spans over which the growth of a trace is told (seconds)."""


_begin = click.option("--begin", type=Time(), help="First moment, such as 2026-01-15T08:00:00Z.")
_end = click.option("--end", type=Time(), help="First moment after it.")
_output = click.option(
    "--output",
    type=FilePath(),
    help="CSV file to write; `surgeproof replay --trace FILE` replays it.",
)
_region = click.option("--region", help="Default: that of AWS's own configuration.")
_profile = click.option("--profile", help="Default: that of AWS's own configuration.")


@click.group()
def trace() -> None:
    """List, show and change traces, or make one of the service's own traffic."""


@trace.command(name="list")
def list_command() -> None:
    """List the traces that have a name."""
    from surgeproof.traces import trace_names  # noqa: PLC0415

    names = trace_names()
    width = max(map(len, names))
    for name, meaning in names.items():
        say(f"{name:<{width}}  {meaning}")


@trace.command(name="show")
@click.argument("source", metavar="NAME|FILE")
@click.option("--scale", type=float, help="Multiply the requests.")
@click.option("--peak", type=float, help="Scale so that the busiest step has this rate.")
@click.option("--from", "first", type=float, help="Cut: first second of the trace that is kept.")
@click.option("--to", "last", type=float, help="Cut: first second after those that are kept.")
@click.option("--step", type=float, help="Length of the steps (seconds); the total stays.")
@click.option(
    "--most-bad",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="Share of a file's rows that may be bad (percent). They are left out and shown.",
)
@click.option("--period", type=float, help="Distance of a file's rows (s). Default: the usual one.")
@click.option(
    "--unit",
    type=click.Choice(["rate", "count"]),
    help="What a file's numbers are: requests/s, or requests in the step. Default: by the header.",
)
@click.option("--series", help="Header or label of a file's series. Default: the only one.")
@click.option(
    "--decimal",
    type=click.Choice([".", ","]),
    help="Sign before decimals, where 6.000 may be six or six thousand.",
)
@_output
def show_command(
    source: str,
    *,
    scale: float | None,
    peak: float | None,
    first: float | None,
    last: float | None,
    step: float | None,
    most_bad: float,
    period: float | None,
    unit: str | None,
    series: str | None,
    decimal: str | None,
    output: Path | None,
) -> None:
    """Say what a trace holds; cut, scale or resample it, and write what comes of it."""
    from surgeproof.traces import named_trace, trace_names  # noqa: PLC0415
    from surgeproof.traces.csv_file import Reading  # noqa: PLC0415
    from surgeproof.traces.found import read_file  # noqa: PLC0415

    if source in trace_names():
        found = named_trace(source)
    else:
        reading = Reading(
            period_seconds=period,
            unit=unit,
            series=series,
            decimal=decimal or "",
            most_bad_percent=most_bad,
        )
        with path_of("SOURCE"):
            found = read_file(source, reading)
    if first is not None or last is not None:
        found = found.slice(first or 0.0, found.duration_seconds if last is None else last)
    if scale is not None:
        found = found.scale(scale)
    if peak is not None:
        found = found.scale_to_peak(peak)
    if step is not None:
        found = found.resample(step)
    _tell(found, output)


@trace.command(name="make")
@click.argument("shape")
@click.argument("values", metavar="[PARAMETER=VALUE]...", nargs=-1)
@_output
def make_command(shape: str, *, values: tuple[str, ...], output: Path | None) -> None:
    """Make a trace of a SHAPE; without parameters, say which there are."""
    from surgeproof.traces.shapes import SHAPES, parameters  # noqa: PLC0415

    if shape not in SHAPES:
        raise InputError(f"SHAPE: must be one of {', '.join(SHAPES)}, got {errors.shown(shape)}")
    known = {parameter.name: parameter for parameter in parameters(SHAPES[shape])}
    chosen = {}
    for value in values:
        name, _, number = value.partition("=")
        if name not in known:
            raise InputError(
                f"{shape}: must be given one of {', '.join(known)}, got {errors.shown(value)}"
            )
        try:
            chosen[name] = float(number)
        except ValueError:
            raise InputError(
                f"{shape}.{name}: must be a number ({known[name].unit}), got {errors.shown(number)}"
            ) from None
    _tell(SHAPES[shape](**chosen), output)
    if not values:
        for parameter in known.values():
            say(f"  {parameter}")


@trace.command(name="cloudwatch")
@click.argument("load_balancer")
@click.option("--target-group", help="targetgroup/NAME/ID, or its ARN. Default: all.")
@click.option(
    "--begin", type=Time(), required=True, help="First moment, such as 2026-01-15T08:00:00Z."
)
@click.option("--end", type=Time(), required=True, help="First moment after it.")
@click.option(
    "--period", type=int, default=60, show_default=True, help="Length of the steps (seconds)."
)
@_region
@_profile
@_output
def cloudwatch_command(
    load_balancer: str,
    *,
    target_group: str | None,
    begin: datetime,
    end: datetime,
    period: int,
    region: str | None,
    profile: str | None,
    output: Path | None,
) -> None:
    """Read the requests of LOAD_BALANCER (app/NAME/ID, or its ARN) from CloudWatch."""
    from surgeproof.traces.cloudwatch import read_cloudwatch  # noqa: PLC0415

    found = read_cloudwatch(
        _client("cloudwatch", region, profile),
        load_balancer,
        begin,
        end,
        target_group=target_group,
        period_seconds=period,
    )
    _tell(found, output)


@trace.command(name="access-logs")
@click.argument("source")
@click.option("--load-balancer", help="Which one, where the logs are of several: NAME.")
@click.option("--step", type=float, default=10.0, show_default=True, help="Seconds of a step.")
@click.option(
    "--most-bad",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    help="Share of the lines that may be bad (percent). They are left out and shown.",
)
@_begin
@_end
@_region
@_profile
@_output
def access_logs_command(
    source: str,
    *,
    load_balancer: str | None,
    step: float,
    most_bad: float,
    begin: datetime | None,
    end: datetime | None,
    region: str | None,
    profile: str | None,
    output: Path | None,
) -> None:
    """Read a load balancer's access logs: a file, a directory, a pattern or s3://BUCKET/PREFIX."""
    from surgeproof.traces.access_logs import read_access_logs  # noqa: PLC0415

    with path_of("SOURCE"):
        found = read_access_logs(
            source,
            step_seconds=step,
            load_balancer=load_balancer,
            begin=begin,
            end=end,
            s3=_client("s3", region, profile) if source.startswith("s3://") else None,
            most_bad_percent=most_bad,
            progress=lambda line: say(line, err=True),
        )
    _tell(found, output)


def _client(service: str, region: str | None, profile: str | None) -> Any:
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    try:
        return boto3.Session(region_name=region, profile_name=profile).client(service)
    except BotoCoreError as error:
        raise InputError(str(error)) from error


def _tell(found: "Trace", output: Path | None) -> None:
    """Write the trace where that was asked for, and print what it holds."""
    if output is not None:
        from surgeproof.traces.csv_file import write_csv  # noqa: PLC0415

        with path_of("--output"):
            write_csv(found, output)
    begins = f", from {found.start.isoformat(timespec='seconds')}" if found.start else ""
    requests = (
        f"  {found.total_requests:,.0f} requests; per second {found.mean_requests_per_second:,.5g} "
        f"on average, {found.peak_requests_per_second:,.5g} at the most"
    )
    lines = [
        f"{found.name}: {len(found):,} steps of {found.step_seconds:g} s{begins}",
        requests,
    ]
    for seconds in GROWTH_SECONDS:
        if seconds < found.duration_seconds and not seconds % found.step_seconds:
            growth = found.growth(seconds)
            lines.append(f"  grows {growth:.3g} times within {seconds} s at the most")
    lines += [f"  {line}" for line in found.describe()]
    if output is not None:
        lines.append(f"written to {output}")
    say("\n".join(lines))
