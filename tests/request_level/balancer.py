"""The load balancer: round robin, health checks of each target, fail-open, draining.

It has a node in each of the group's zones; clients spread evenly over the nodes, and each node
takes the targets in turn, all zones alike. So a target's requests come more regularly than with a
random choice, which matters near its capacity.
"""

from tests.request_level.clock import stream
from tests.request_level.service import Check

INITIAL, HEALTHY, UNHEALTHY, DRAINING, GONE = "initial", "healthy", "unhealthy", "draining", "gone"


class Target:
    """An instance as the load balancer sees it."""

    __slots__ = ("instance", "state", "streak")

    def __init__(self, instance, state):
        self.instance = instance
        self.state = state
        self.streak = 0


class Balancer:
    """Sends attempts to targets in turn.

    Where no target is healthy, all that are registered get requests: by assumption also those that
    wait for their first check. A target's checks begin at a
    random time within one interval of its registration. Its first passed check makes a new target
    healthy; `unhealthy_threshold` failures in a row make it unhealthy, a new one too, and then it
    takes `healthy_threshold` passes.
    """

    def __init__(self, clock, target_group, assumptions, nodes, rng, meter, note):
        if target_group.slow_start_seconds:
            raise ValueError("TargetGroup.slow_start_seconds: must be 0, slow start is not built")
        if target_group.algorithm != "round_robin":
            raise ValueError("TargetGroup.algorithm: must be round_robin, no other is built")
        self.clock = clock
        self.settings = target_group
        self.assumptions = assumptions
        self.rng = rng
        self.meter = meter
        self.note = note
        self.targets = []
        self._turns = [0] * nodes
        self._choose_node = stream(rng.random(), "nodes").randrange
        self._chosen_from = []
        self._was_open = False

    # Attempts

    def __call__(self, attempt):
        """Send an attempt to a target; return a reason if it is refused at once."""
        chosen_from, meter = self._chosen_from, self.meter
        if not chosen_from:
            meter.gateway_errors += 1
            meter.rejected += 1
            return "no target"
        turns = self._turns
        node = self._choose_node(len(turns)) if len(turns) > 1 else 0
        turn = turns[node] + 1
        if turn >= len(chosen_from):
            turn = 0
        turns[node] = turn
        meter.requests += 1
        meter.per_target += self._share
        reason = chosen_from[turn].offer(attempt)
        if reason is None:
            return None
        if reason == "unreachable":
            meter.gateway_errors += 1
        else:
            meter.target_errors += 1
        return reason

    def answered(self, attempt):
        """Measure the time of an answer that reached its client."""
        self.meter.response_seconds.append(self.clock.now - attempt.sent)

    def gateway_error(self):
        """Count a 504."""
        self.meter.gateway_errors += 1

    # Targets

    def register(self, instance, *, healthy=False):
        """Add an instance; one of the initial fleet is healthy."""
        target = Target(instance, HEALTHY if healthy else INITIAL)
        self.targets.append(target)
        self._changed()
        first = self.assumptions.check_phase_seconds
        if first is None:
            first = self.rng.random() * self.settings.check_interval_seconds
        if not healthy:
            first += self.assumptions.registration_seconds
        self.clock.at(self.clock.now + first, self._check, target)
        return target

    def deregister(self, target):
        """Send an instance nothing more."""
        target.state = DRAINING
        self._changed()

    def remove(self, target):
        """Forget an instance that ended."""
        target.state = GONE
        if target in self.targets:
            self.targets.remove(target)
        self._changed()

    def count(self, state):
        """Return how many targets are in a state."""
        return sum(target.state == state for target in self.targets)

    def _changed(self):
        registered = [target for target in self.targets if target.state != DRAINING]
        healthy = [target for target in registered if target.state == HEALTHY]
        chosen = healthy
        if not healthy:
            chosen = registered
            if not self.assumptions.fail_open_includes_initial:
                chosen = [target for target in registered if target.state == UNHEALTHY]
        is_open = bool(chosen) and not healthy
        if is_open != self._was_open:
            self._was_open = is_open
            self.note("fail open" if is_open else "fail open ends", "")
        self._chosen_from = [target.instance for target in chosen]
        self._share = 1 / len(registered) if registered else 0.0

    # Health checks

    def _check(self, target):
        if target.state in {DRAINING, GONE}:
            return
        settled = []

        def settle(passed):
            if not settled:
                settled.append(passed)
                self._checked(target, passed=passed)

        check = Check(
            self.settings.check_uses_database, lambda: settle(True), lambda: settle(False)
        )
        target.instance.check(check)
        if not settled:
            timeout = self.clock.now + self.settings.check_timeout_seconds
            self.clock.at(timeout, lambda _: settle(False))
        self.clock.at(self.clock.now + self.settings.check_interval_seconds, self._check, target)

    def _checked(self, target, *, passed):
        if target.state in {DRAINING, GONE}:
            return
        if target.state == HEALTHY:
            target.streak = 0 if passed else target.streak + 1
            if target.streak >= self.settings.unhealthy_threshold:
                self._turn_to(target, UNHEALTHY)
        elif target.state == UNHEALTHY:
            target.streak = target.streak + 1 if passed else 0
            if target.streak >= self.settings.healthy_threshold:
                self._turn_to(target, HEALTHY)
        elif passed:
            self._turn_to(target, HEALTHY)
        else:
            target.streak += 1
            if target.streak >= self.settings.unhealthy_threshold:
                self._turn_to(target, UNHEALTHY)

    def _turn_to(self, target, state):
        target.state = state
        target.streak = 0
        self.note(state, target.instance.name)
        self._changed()
