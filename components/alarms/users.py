"""Alarms on what users get: response times, errors, and what the answers say."""

from dataclasses import replace

from surgeproof.components.alarms.rows import (
    ELB,
    AlarmMetric,
    AlarmRow,
    AlertSeverity,
    Comparison,
    Kind,
    MissingData,
    Section,
    Subject,
)
from surgeproof.components.alarms.settings import AlarmsArgs


def response_time_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on response times."""

    def row(severity: AlertSeverity, symptom: str, percentile: int, seconds: float) -> AlarmRow:
        return AlarmRow(
            symptom=symptom,
            severity=severity,
            says=f"{100 - percentile} of 100 requests take longer than {seconds:g} s.",
            why="Users wait, give up and retry, which adds to the load.",
            metrics=(
                AlarmMetric(
                    namespace=ELB,
                    name="TargetResponseTime",
                    statistic=f"p{percentile}",
                    subject=Subject.TARGET_GROUP,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=seconds,
            unit="s",
            threshold_reason="",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason="It is reported only for requests that a target answered: without any, "
            "the alarms on errors and on healthy hosts speak.",
            kind=Kind.OUTAGE,
            section=Section.USERS,
        )

    return [
        replace(
            row(AlertSeverity.PAGE, "slow-responses", 95, settings["response_time_p95_seconds"]),
            threshold_reason="Ours: about one second is what a user waits for without losing the "
            "thread (Nielsen, Usability Engineering, 1993).",
        ),
        replace(
            row(AlertSeverity.TICKET, "slow-tail", 99, settings["response_time_p99_seconds"]),
            threshold_reason="Ours: with an exponential tail p99 is 1.54 times p95 (ln 100 / "
            "ln 20); twice is a tail of its own.",
        ),
    ]


def error_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on error rates, each guarded against few requests.

    At night one failing request among twenty is a rate of 5 %. Below the minimum the rate counts as
    0: with 100 requests a minute and a bound of 1 %, one failure alone never pages. The ticket
    looks at five minutes together, so it sees a service with a fifth of that traffic.

    Only errors are filled with 0 where missing. Filling requests too would make a minute that is
    not yet delivered look like a good one: CloudWatch warns of alarms that get stuck so
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html, FILL).

    RequestCount leaves out requests for which no target could be chosen, so those errors are added
    to the load balancer's denominator.
    """
    bound = settings["server_error_percent"]
    guard = settings["minimum_requests_per_minute"]

    def rate(total: str) -> str:
        return f"IF({total} >= {guard}, 100 * FILL(errors, 0) / ({total}), 0)"

    rows = []
    for symptom, by_whom, metric, subject, total in (
        (
            "load-balancer-errors",
            "The load balancer itself answers",
            "HTTPCode_ELB_5XX_Count",
            Subject.LOAD_BALANCER,
            "requests + FILL(errors, 0)",
        ),
        (
            "target-errors",
            "The application answers",
            "HTTPCode_Target_5XX_Count",
            Subject.TARGET_GROUP,
            "requests",
        ),
    ):
        page = AlarmRow(
            symptom=symptom,
            severity=AlertSeverity.PAGE,
            says=f"{by_whom} more than {bound:g} % of requests with a server error.",
            why="These users do not get what they came for.",
            metrics=(
                AlarmMetric(
                    namespace=ELB, name=metric, statistic="Sum", subject=subject, id="errors"
                ),
                AlarmMetric(
                    namespace=ELB,
                    name="RequestCount",
                    statistic="Sum",
                    subject=subject,
                    id="requests",
                ),
            ),
            expression=rate(total),
            comparison=Comparison.ABOVE,
            threshold=bound,
            unit="%",
            threshold_reason="Ours: AWS's number for tickets, more than 0 %, would page for single "
            "failures; one request in a hundred is felt by users with a few dozen requests each.",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=2,
            missing=MissingData.NOT_BREACHING,
            missing_reason="RequestCount is always reported while requests flow, so nothing "
            "reported is nothing asked.",
            kind=Kind.OUTAGE,
            section=Section.USERS,
        )
        ticket = replace(
            page,
            severity=AlertSeverity.TICKET,
            says=f"{by_whom} some requests with a server error.",
            why="A few users are hurt, and it may be the beginning of more.",
            threshold=0,
            threshold_reason="AWS's own: its Prebid Server solution alarms above 0 %, over 5 "
            "minutes (load balancer page of that solution).",
            period_seconds=300,
            evaluation_periods=1,
            datapoints_to_alarm=1,
        )
        rows += [page, ticket]
    return rows


def answer_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on good answers, on answers that blame the client, and on refused targets."""
    guard = settings["minimum_requests_per_minute"]

    def count(name: str, metric_id: str, subject: Subject = Subject.TARGET_GROUP) -> AlarmMetric:
        return AlarmMetric(namespace=ELB, name=name, statistic="Sum", subject=subject, id=metric_id)

    requests = count("RequestCount", "requests")
    total = "requests + FILL(rejected, 0)"
    good, client = settings["good_response_percent"], settings["client_error_percent"]
    return [
        AlarmRow(
            symptom="few-good-responses",
            severity=AlertSeverity.PAGE,
            says=f"Fewer than {good:g} % of requests are answered well (2xx or 3xx).",
            why="Whatever the cause is, these users do not get what they came for, also where "
            "nothing answers them at all.",
            metrics=(
                count("HTTPCode_Target_2XX_Count", "found"),
                count("HTTPCode_Target_3XX_Count", "moved"),
                requests,
                count("HTTPCode_ELB_5XX_Count", "rejected", Subject.LOAD_BALANCER),
            ),
            expression=f"IF({total} >= {guard}, "
            f"100 * (FILL(found, 0) + FILL(moved, 0)) / ({total}), 100)",
            comparison=Comparison.BELOW,
            threshold=good,
            unit="%",
            threshold_reason="AWS leaves the number to the owner (Incident Detection and Response "
            "user guide, use case A). Ours: one request in ten; the alarms on errors page earlier "
            "for those, and client errors alone seldom reach it.",
            period_seconds=60,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            missing=MissingData.BREACHING,
            missing_reason="AWS's own: RequestCount is always reported, so nothing reported means "
            "that there is no load balancer.",
            kind=Kind.OUTAGE,
            section=Section.USERS,
        ),
        AlarmRow(
            symptom="client-errors",
            severity=AlertSeverity.TICKET,
            says=f"More than {client:g} % of requests are refused as the client's error (4xx).",
            why="A broken link, an expired key or somebody who tries doors; after a deployment, "
            "most often the deployment.",
            metrics=(
                count("HTTPCode_Target_4XX_Count", "refused"),
                requests,
            ),
            expression=f"IF(requests >= {5 * guard}, 100 * FILL(refused, 0) / requests, 0)",
            comparison=Comparison.ABOVE,
            threshold=client,
            unit="%",
            threshold_reason="AWS's own: above 1 %, over 5 minutes (its Prebid Server solution, "
            "load balancer page). Where refusing is usual, such as log-ins, "
            "alerts.clientErrorPercent wants a larger one.",
            period_seconds=300,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            missing=MissingData.NOT_BREACHING,
            missing_reason="RequestCount is always reported while requests flow, so nothing "
            "reported is nothing asked.",
            section=Section.USERS,
        ),
        AlarmRow(
            symptom="target-connection-errors",
            severity=AlertSeverity.TICKET,
            says="The load balancer cannot connect to targets for more than 0.1 % of requests.",
            why="Instances are overrun or stop while they still get requests; each of these is a "
            "502 or 504 to a user.",
            metrics=(count("TargetConnectionErrorCount", "failed"), requests),
            expression=f"IF(requests >= {guard}, 100 * FILL(failed, 0) / requests, 0)",
            comparison=Comparison.ABOVE,
            threshold=0.1,
            unit="%",
            threshold_reason="Ours (AWS publishes none): one in a thousand is above what single "
            "restarts make and a tenth of what pages as errors.",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason="RequestCount is always reported while requests flow, so nothing "
            "reported is nothing asked.",
            section=Section.CAUSES,
        ),
    ]
