"""One run of the request-level simulation: from a plan and a trace to what became of the users."""

import dataclasses
import math
from collections import Counter, defaultdict

from surgeproof.plan.model import TargetGroup
from tests.request_level.assumptions import Assumptions
from tests.request_level.balancer import HEALTHY, UNHEALTHY, Balancer
from tests.request_level.clock import Clock, stream
from tests.request_level.cloudwatch import ALARM, OK, Meter, Store
from tests.request_level.scaling import Group, decide, watches_of
from tests.request_level.service import Database, Figures
from tests.request_level.users import Clients, Minute, arrival_times

_LOAD_BALANCER = "AWS/ApplicationELB"


@dataclasses.dataclass
class Counts:
    """Whatever is counted once over a run."""

    requests: int = 0
    good: int = 0
    slow: int = 0
    failed: int = 0
    attempts: int = 0
    succeeded: int = 0
    failures: Counter = dataclasses.field(default_factory=Counter)
    useful: int = 0
    """Attempts that an instance finished for a client who still waited."""
    wasted: int = 0
    """Attempts that an instance finished for nobody."""
    killed: int = 0
    """Attempts that were lost with their instance."""
    here: int = 0
    """Users of a closed trace who are there."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the users, and what happened when."""

    seed: int
    users: int
    affected_users: int
    bad_minutes: tuple
    """Numbers of the minutes in which more arriving requests than allowed were bad."""
    first_alarm: tuple | None
    """Name and time (seconds) of the first alarm, target tracking's low ones left out."""
    events: tuple
    """Time, kind, detail."""
    counts: Counts
    held: int
    """Attempts still inside instances at the end, their clients long gone."""
    minutes: tuple
    """Requests, bad ones, attempts of each minute."""
    sizes: tuple
    """Time, desired, in service, healthy: at each minute's end."""

    @property
    def affected_users_percent(self):
        """Share of the users with at least one bad request."""
        return 100 * self.affected_users / max(self.users, 1)


class World:
    """All parts of a run, wired."""

    def __init__(self, plan, seed, assumptions=None, log=None):
        if plan.service is None:
            raise ValueError("ScalingPlan.service: must be stated, got none")
        if len(plan.groups) != 1 or plan.schedules or plan.composites:
            raise ValueError("ScalingPlan: must hold one group, no schedules and no composites")
        streams = [stream(seed, what) for what in ("service", "users", "checks")]
        self.plan = plan
        self.seed = seed
        self.assumptions = assumptions or Assumptions()
        self.clock = Clock()
        self.counts = Counts()
        self.events = []
        self.meter = Meter()
        self.store = Store()
        self.minutes = defaultdict(Minute)
        self.sizes = []
        self._noted = set()
        self._asked = []
        self.first_alarm = None
        self.figures = Figures(plan, streams[0])
        self.database = None
        if plan.database is not None:
            self.database = Database(self.clock, plan, streams[0])
        group = plan.groups[0]
        self.target_group = plan.target_group_of(group) or TargetGroup(name="default")
        self.balancer = Balancer(
            self.clock,
            self.target_group,
            self.assumptions,
            len(group.zones),
            streams[2],
            self.meter,
            self.note,
        )
        self.group = Group(self, plan, group)
        self.trackings, self.watches = watches_of(self, plan, {group.name: self.group})
        self.clients = Clients(
            self.clock, plan, self.assumptions, streams[1], self.counts, self.minutes, log
        )
        self.clients.send = self.balancer
        phase = self.assumptions.alarm_phase_seconds
        self._schedule(stream(seed, "alarms").random() * 60 if phase is None else phase)

    def _schedule(self, first):
        # Periods are closed before alarms are evaluated at the same moment.
        fast = any(watch.period < 60 for watch in self.watches)
        if fast:
            self.clock.every(10, 10, self._publish_custom)
        self.clock.every(60, 60, self._publish_minute)
        instance_period = 60 if self.group.plan.detailed_monitoring else 300
        self.clock.every(instance_period, instance_period, self._publish_cpu)
        self._cpu_period = instance_period
        if not fast and self.plan.demand_metrics:
            self.clock.every(10, 10, self._publish_custom)
        for number, watch in enumerate(self.watches):
            phase = (first + number * self.assumptions.alarm_spacing_seconds) % 60
            if watch.period < 60:
                self.clock.every(10 + phase % 10, 10, lambda now, w=watch: self._evaluate(w, now))
            else:
                self.clock.every(60 + phase, 60, lambda now, w=watch: self._evaluate(w, now))

    # Notes

    def note(self, kind, detail):
        """Write an event down."""
        self.events.append((round(self.clock.now, 3), kind, detail))

    def note_once(self, kind, detail):
        """Write an event down that says the same each time."""
        if (kind, detail) not in self._noted:
            self._noted.add((kind, detail))
            self.note(kind, detail)

    # Metrics

    def _publish_minute(self, now):
        meter, start = self.meter, now - 60
        readable = now + self.assumptions.load_balancer_delay_seconds
        balancer = self.balancer
        for name, samples in (
            ("RequestCount", [meter.requests]),
            ("RequestCountPerTarget", [meter.per_target]),
            ("TargetResponseTime", meter.response_seconds),
            ("HTTPCode_Target_5XX_Count", [meter.target_errors] if meter.target_errors else []),
            ("HTTPCode_ELB_5XX_Count", [meter.gateway_errors] if meter.gateway_errors else []),
            ("RejectedConnectionCount", [meter.rejected] if meter.rejected else []),
            ("HealthyHostCount", [balancer.count(HEALTHY)]),
            ("UnHealthyHostCount", [balancer.count(UNHEALTHY)]),
        ):
            self.store.publish(_LOAD_BALANCER, name, start, 60, samples, readable)
        meter.reset()
        group = self.group
        if group.plan.group_metrics:
            for name, value in (
                ("GroupDesiredCapacity", group.desired),
                ("GroupInServiceInstances", group.in_service()),
                ("GroupMaxSize", group.plan.max_size),
            ):
                self.store.publish("AWS/AutoScaling", name, start, 60, [value], readable)
        self.sizes.append((now, group.desired, group.in_service(), balancer.count(HEALTHY)))

    def _publish_cpu(self, now):
        period = self._cpu_period
        # AWS does not state which minute is the first that counts: here most of it has to be warm.
        warm_since = now - 0.5 * period - self.group.warmup
        samples = []
        for member in self.group.members:
            worked = member.instance.worked()
            if member.in_service_since is not None and member.in_service_since <= warm_since:
                used = worked * self.figures.processor_share / self.figures.vcpus / period
                samples.append(min(100 * used, 100))
        self.store.publish(
            "AWS/EC2", "CPUUtilization", now - period, period, samples,
            now + self.assumptions.instance_delay_seconds,
        )  # fmt: skip

    def _publish_custom(self, now):
        shares = []
        for member in self.group.members:
            instance = member.instance
            if instance.answers and member.in_service_since is not None:
                shares.append(instance.arrived / (10 * self.figures.rate))
            instance.arrived = 0
        for metric in self.plan.demand_metrics:
            samples = [share * metric.capacity_per_instance for share in shares]
            self.store.publish(
                metric.namespace, metric.name, now - 10, 10, samples,
                now + self.assumptions.custom_delay_seconds,
            )  # fmt: skip

    # Alarms

    def _evaluate(self, watch, now):
        old, watch.state = (
            watch.state,
            watch.evaluate(self.store, now, self.assumptions.extra_periods),
        )
        if watch.state != old:
            shown = "" if watch.value is None else f" at {watch.value:.4g}"
            self.note(watch.state, watch.name + shown)
            if watch.state == ALARM and not watch.is_low and self.first_alarm is None:
                self.first_alarm = (watch.name, round(now, 3))
        actions = {ALARM: watch.actions, OK: watch.ok_actions}.get(watch.state, [])
        # In a state, scaling actions are repeated once per minute.
        if actions and (watch.state != old or now >= watch.acted + 60 - 1e-6):
            watch.acted = now
            if not self._asked:
                # After all alarms of this moment, which are queued already.
                self.clock.at(now, self._decide)
            self._asked.extend((action, watch) for action in actions)

    def _decide(self, _):
        asked, self._asked = self._asked, []
        answers = [(action(watch), action.__self__) for action, watch in asked]
        decide(self.group, answers)

    # The run

    def run(self, trace, losses=()):
        """Let a trace happen, and wait until every request has ended.

        `losses` holds moments (seconds), each with the zones that are lost then, for good.
        """
        for when, zones in losses:
            self.clock.at(when, self._lose, zones)
        rates, step = trace.requests_per_second, trace.step_seconds
        if self.clients.think is None:
            self.clients.already_here(float(rates[0]))
            self.clients.arrive_at(arrival_times(rates, step, self.seed))
        else:
            for number, rate in enumerate(rates):
                self.clock.at(number * step, self.clients.become, float(rate))
        return self.finish(len(rates) * step)

    def _lose(self, zones):
        every = self.group.plan.zones
        self.balancer.lose_nodes([every.index(zone) for zone in zones])
        self.group.lose_zones(zones)

    def finish(self, seconds):
        """Run for so long, then let what is under way end; check that nothing was lost."""
        clients, clock, counts = self.clients, self.clock, self.counts
        clock.run(seconds)
        clients.stop()
        events, sizes = tuple(self.events), tuple(self.sizes)
        waits = sum(
            min(clients.backoff * 2**retry, self.assumptions.backoff_cap_seconds)
            for retry in range(clients.retries)
        )
        clock.run(seconds + (clients.retries + 1) * clients.timeout + 2 * waits + 1)
        held = sum(
            len(member.instance.inside()) for member in (*self.group.members, *self.group.ending)
        )
        self._check_conservation(held)
        allowed = self.plan.objective.bad_requests_percent / 100
        numbers = range(math.ceil(seconds / 60))
        return Outcome(
            seed=self.seed,
            users=clients.users,
            affected_users=clients.affected,
            bad_minutes=tuple(
                number
                for number in numbers
                if self.minutes[number].bad > allowed * self.minutes[number].requests
            ),
            first_alarm=self.first_alarm,
            events=events,
            counts=counts,
            held=held,
            minutes=tuple(
                (minute.requests, minute.bad, minute.attempts)
                for minute in (self.minutes[number] for number in numbers)
            ),
            sizes=sizes,
        )

    def _check_conservation(self, held):
        counts = self.counts
        failures = counts.failures
        refused = sum(
            failures[reason]
            for reason in ("no target", "unreachable", "no connection", "queue full")
        )
        assert counts.requests == counts.good + counts.slow + counts.failed
        assert counts.requests == sum(minute.requests for minute in self.minutes.values())
        assert counts.attempts == counts.succeeded + failures.total()
        assert counts.succeeded == counts.useful == counts.good + counts.slow
        assert counts.attempts - refused == counts.useful + counts.wasted + counts.killed + held


def replay(plan, trace, seed, assumptions=None, losses=()):
    """Run a plan against a trace once."""
    return World(plan, seed, assumptions).run(trace, losses)
