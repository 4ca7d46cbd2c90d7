"""The load balancer: two algorithms, health checks of each target, fail-open, draining.

It has a node in each of the group's zones; clients spread evenly over the nodes, and each node
chooses among the targets of all zones. With round robin it takes them in turn, so that a target's
requests come more regularly than with a random choice, which matters near its capacity. With least
outstanding requests it takes the target that holds the fewest of the requests that it has sent and
whose client still waits, in turn where several do. A zone that is lost takes its node with it.
"""

from tests.request_level.clock import stream
from tests.request_level.service import Check

INITIAL, HEALTHY, UNHEALTHY, DRAINING, GONE = "initial", "healthy", "unhealthy", "draining", "gone"


class Target:
    """An instance as the load balancer sees it."""

    __slots__ = ("instance", "outstanding", "state", "streak")

    def __init__(self, instance, state, nodes):
        self.instance = instance
        self.state = state
        self.streak = 0
        self.outstanding = [0] * nodes


class Balancer:
    """Sends attempts to targets.

    Where no target is healthy, all that are registered get requests: by assumption also those that
    wait for their first check. A target's checks begin at a
    random time within one interval of its registration. Its first passed check makes a new target
    healthy; `unhealthy_threshold` failures in a row make it unhealthy, a new one too, and then it
    takes `healthy_threshold` passes.
    """

    def __init__(self, clock, target_group, assumptions, nodes, rng, meter, note):
        if target_group.slow_start_seconds:
            raise ValueError("TargetGroup.slow_start_seconds: must be 0, slow start is not built")
        if target_group.algorithm not in {"round_robin", "least_outstanding_requests"}:
            raise ValueError(
                "TargetGroup.algorithm: must be round_robin or least_outstanding_requests, "
                f"got {target_group.algorithm}"
            )
        self.clock = clock
        self.settings = target_group
        self.assumptions = assumptions
        self.rng = rng
        self.meter = meter
        self.note = note
        self.targets = []
        self._nodes = nodes
        self._up = list(range(nodes))
        self._turns = [0] * nodes
        self._choose = stream(rng.random(), "nodes").random
        self._least = target_group.algorithm == "least_outstanding_requests"
        self._chosen_from = []
        self._share = 0.0
        self._was_open = False

    # Attempts

    def __call__(self, attempt):
        """Send an attempt to a target; return a reason if it is refused at once."""
        chosen_from, meter = self._chosen_from, self.meter
        if not chosen_from:
            meter.gateway_errors += 1
            meter.rejected += 1
            return "no target"
        up, turns = self._up, self._turns
        node = up[int(self._choose() * len(up))]
        turn = turns[node] + 1
        if turn >= len(chosen_from):
            turn = 0
        target = self._fewest(node, turn) if self._least else chosen_from[turn]
        if not self._least:
            turns[node] = turn
        meter.requests += 1
        meter.per_target += self._share
        reason = target.instance.offer(attempt)
        if reason is None:
            if self._least and not attempt.settled:
                counted = 0 if self.assumptions.nodes_share_counts else node
                target.outstanding[counted] += 1
                attempt.route = (target, counted)
            return None
        if reason == "unreachable":
            meter.gateway_errors += 1
        else:
            meter.target_errors += 1
            # An error is a response of the target, too, and it comes at once.
            meter.response_seconds.append(0.0)
        return reason

    def _fewest(self, node, turn):
        """Return the target with the fewest outstanding requests, the first from `turn` on."""
        counted = 0 if self.assumptions.nodes_share_counts else node
        counts = [target.outstanding[counted] for target in self._chosen_from]
        least = min(counts)
        try:
            place = counts.index(least, turn)
        except ValueError:
            place = counts.index(least)
        self._turns[node] = place
        return self._chosen_from[place]

    def settled(self, attempt):
        """Hear that nobody waits for an attempt any more."""
        target, node = attempt.route
        target.outstanding[node] -= 1

    def answered(self, attempt):
        """Measure the time of an answer that reached its client."""
        self.meter.response_seconds.append(self.clock.now - attempt.sent)

    def gateway_error(self):
        """Count a 504, or the 502 of a connection that was reset."""
        self.meter.gateway_errors += 1

    # Targets

    def lose_nodes(self, nodes):
        """Send clients to the other nodes; where none is left, all stay."""
        self._up = [node for node in self._up if node not in nodes] or self._up

    def register(self, instance, *, healthy=False):
        """Add an instance; one of the initial fleet is healthy."""
        target = Target(instance, HEALTHY if healthy else INITIAL, self._nodes)
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
        self._chosen_from = chosen
        counted = healthy if self.assumptions.per_target_counts_healthy and healthy else registered
        self._share = 1 / len(counted) if counted else 0.0

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
