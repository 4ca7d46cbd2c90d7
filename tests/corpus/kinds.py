"""Kinds of faults: what happens to users, and where AWS's documentation says so."""

from typing import NamedTuple

DOCS = "https://docs.aws.amazon.com/"
SCALING = DOCS + "autoscaling/ec2/userguide/"
ALB = DOCS + "elasticloadbalancing/latest/application/"
EC2 = DOCS + "AWSEC2/latest/UserGuide/"
RDS = DOCS + "AmazonRDS/latest/UserGuide/"
AURORA = DOCS + "AmazonRDS/latest/AuroraUserGuide/"
WATCH = DOCS + "AmazonCloudWatch/latest/monitoring/"
ECS = DOCS + "AmazonECS/latest/developerguide/"


class Kind(NamedTuple):
    """What a fault does, and its source."""

    source: str
    harm: str


KINDS = {
    # The group
    "one-zone-group": Kind(
        SCALING + "as-add-availability-zone.html",
        "One zone's failure takes every instance, and nothing can be launched elsewhere.",
    ),
    "no-room-to-grow": Kind(
        SCALING + "asg-capacity-limits.html",
        "The group never grows beyond its maximum, so users wait or get errors in a surge.",
    ),
    "size-reset": Kind(
        SCALING + "asg-capacity-limits.html",
        "An update that has refreshed its state sets the group back to the size of a quiet day.",
    ),
    "metric-not-collected": Kind(
        SCALING + "ec2-auto-scaling-metrics.html",
        "The group does not publish the metric that its policy reads, and is never scaled.",
    ),
    "nothing-scales": Kind(
        SCALING + "scale-your-group.html",
        "Without a policy that acts, the group keeps its size while traffic doubles.",
    ),
    "app-failure-unseen": Kind(
        SCALING + "ec2-auto-scaling-health-checks.html",
        "With EC2 checks alone, an instance whose application hangs is never replaced.",
    ),
    "grace-too-short": Kind(
        SCALING + "health-check-grace-period.html",
        "Instances that are still booting count as unhealthy and are replaced for ever.",
    ),
    "suspended-process": Kind(
        SCALING + "as-suspend-resume-processes.html",
        "A suspended process no longer launches, registers or answers alarms.",
    ),
    "hook-holds-launch": Kind(
        SCALING + "lifecycle-hooks.html",
        "New instances wait for a hook's timeout, and are then thrown away.",
    ),
    "refresh-takes-all": Kind(
        SCALING + "understand-instance-refresh-default-values.html",
        "A refresh may take all instances out of service at once.",
    ),
    "policy-disabled": Kind(
        SCALING + "as-enable-disable-scaling-policy.html",
        "A disabled policy does not act on its alarms.",
    ),
    "forecast-only": Kind(
        SCALING + "predictive-scaling-create-policy.html",
        "A policy in forecast mode launches nothing.",
    ),
    "target-too-high": Kind(
        SCALING + "as-scaling-target-tracking.html",
        "At such a target instances saturate before the group adds any.",
    ),
    "watches-another-group": Kind(
        SCALING + "as-scaling-target-tracking.html",
        "The policy reads requests of another target group, and never acts on its own load.",
    ),
    "warmup-too-long": Kind(
        SCALING + "ec2-auto-scaling-default-instance-warmup.html",
        "New instances do not count for that long, and later steps are held back.",
    ),
    "five-minute-metrics": Kind(
        SCALING + "enable-as-instance-metrics.html",
        "With basic monitoring the load is known every five minutes only.",
    ),
    "scales-too-late": Kind(
        SCALING + "as-scaling-simple-step.html",
        "The alarm needs so long that users have met errors before the first launch.",
    ),
    "wrong-direction": Kind(
        SCALING + "as-scaling-simple-step.html",
        "High load takes instances away.",
    ),
    "cooldown-too-long": Kind(
        SCALING + "ec2-auto-scaling-scaling-cooldowns.html",
        "A simple policy does nothing more until its cooldown ends.",
    ),
    "policies-fight": Kind(
        SCALING + "as-scaling-target-tracking.html",
        "One policy removes what another has added, and capacity swings.",
    ),
    "schedule-leaves-low": Kind(
        SCALING + "ec2-auto-scaling-scheduled-scaling.html",
        "A scheduled action lowers the limits, and none raises them again.",
    ),
    "schedule-to-zero": Kind(
        SCALING + "ec2-auto-scaling-scheduled-scaling.html",
        "At that hour the service has no instances, and every user gets 503.",
    ),
    "no-on-demand-base": Kind(
        EC2 + "spot-best-practices.html",
        "Spot alone may be interrupted as a whole with two minutes' notice.",
    ),
    "one-spot-pool": Kind(
        EC2 + "spot-best-practices.html",
        "One type is one pool a zone; when it runs dry nothing can be launched.",
    ),
    "lowest-price": Kind(
        SCALING + "allocation-strategies.html",
        "The cheapest pools have the highest risk of interruption.",
    ),
    # Instances
    "credits-run-out": Kind(
        EC2 + "burstable-performance-instances-standard-mode.html",
        "Sustained load uses up the credits, and each instance falls to its baseline.",
    ),
    "metadata-v1": Kind(
        EC2 + "configuring-instance-metadata-service.html",
        "A forged request of the application reads the role's credentials.",
    ),
    "unencrypted-storage": Kind(
        DOCS + "ebs/latest/userguide/ebs-encryption.html",
        "Anybody who gets the volume or its snapshot reads the users' data.",
    ),
    "secret-in-user-data": Kind(
        EC2 + "user-data.html",
        "Anybody who may describe the template, or reaches the instance, reads the password.",
    ),
    "too-much-permission": Kind(
        DOCS + "IAM/latest/UserGuide/best-practices.html",
        "A hole in the application becomes a hole in the account.",
    ),
    # Network
    "open-administration": Kind(
        DOCS + "vpc/latest/userguide/security-group-rules.html",
        "Anybody may try to log in.",
    ),
    "balancer-shut-out": Kind(
        ALB + "target-group-register-targets.html",
        "The load balancer cannot reach the port, and no target becomes healthy.",
    ),
    "one-nat-gateway": Kind(
        DOCS + "vpc/latest/userguide/nat-gateway-basics.html",
        "When the zone of the only gateway fails, instances of all zones lose the internet.",
    ),
    "subnets-too-small": Kind(
        DOCS + "vpc/latest/userguide/subnet-sizing.html",
        "The subnets run out of addresses before the group reaches its maximum.",
    ),
    "zones-without-balancer": Kind(
        ALB + "application-load-balancers.html",
        "Targets in a zone that the load balancer does not use receive no traffic.",
    ),
    # Load balancer
    "one-zone-balancer": Kind(
        DOCS + "elasticloadbalancing/latest/network/network-load-balancers.html",
        "The failure of its only zone takes the entrance away.",
    ),
    "uneven-zones": Kind(
        DOCS + "elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html",
        "Without cross-zone balancing, the zone with fewer instances is overloaded first.",
    ),
    "deletable-entrance": Kind(
        ALB + "application-load-balancers.html",
        "One wrong command or replacement removes the entrance of the service.",
    ),
    "plain-text": Kind(
        ALB + "create-https-listener.html",
        "Passwords and cookies of users travel in the clear.",
    ),
    "old-tls": Kind(
        ALB + "describe-ssl-policies.html",
        "Clients may be made to use TLS 1.0, whose weaknesses are known.",
    ),
    "nobody-behind": Kind(
        ALB + "load-balancer-troubleshooting.html",
        "The target group has no targets, and users get 503.",
    ),
    "another-region": Kind(
        DOCS + "acm/latest/userguide/acm-regions.html",
        "A load balancer takes a certificate of its own Region only, and the update fails.",
    ),
    "request-smuggling": Kind(
        ALB + "application-load-balancers.html",
        "Ambiguous requests are passed on, and one user may receive another's answer.",
    ),
    "connections-cut": Kind(
        ALB + "edit-target-group-attributes.html",
        "Requests under way break whenever the group shrinks or refreshes.",
    ),
    "sticky-for-days": Kind(
        ALB + "edit-target-group-attributes.html",
        "Users stay on the old, full instances; those that a surge adds stay idle.",
    ),
    "slow-start-too-long": Kind(
        ALB + "edit-target-group-attributes.html",
        "New targets take a quarter of an hour to carry their share.",
    ),
    "check-too-slow": Kind(
        ALB + "target-group-health-checks.html",
        "A broken instance keeps getting requests for minutes.",
    ),
    "check-too-eager": Kind(
        ALB + "target-group-health-checks.html",
        "Slow answers under load take healthy instances out, and the rest follows.",
    ),
    "check-accepts-errors": Kind(
        ALB + "target-group-health-checks.html",
        "A target that answers with errors counts as healthy.",
    ),
    "keep-alive-too-short": Kind(
        ALB + "load-balancer-troubleshooting.html",
        "The server closes connections that the load balancer still uses, and users get 502.",
    ),
    "fails-over-blindly": Kind(
        DOCS + "Route53/latest/DeveloperGuide/dns-failover.html",
        "DNS keeps sending users to a Region that is down.",
    ),
    "users-blocked": Kind(
        DOCS + "waf/latest/developerguide/waf-rule-statement-type-rate-based.html",
        "Users behind one address of an office or a carrier are blocked in a surge.",
    ),
    "acl-unattached": Kind(
        DOCS + "waf/latest/developerguide/web-acl-associating-aws-resource.html",
        "The web ACL guards nothing.",
    ),
    # Data
    "one-zone-database": Kind(
        RDS + "Concepts.MultiAZ.html",
        "A failure of the host or zone stops the service until a restore ends.",
    ),
    "no-backups": Kind(
        RDS + "USER_WorkingWithAutomatedBackups.html",
        "After a mistake or a failure the data cannot be restored.",
    ),
    "deletable-database": Kind(
        RDS + "USER_DeleteInstance.html",
        "One wrong command or replacement deletes the database.",
    ),
    "no-final-snapshot": Kind(
        RDS + "USER_DeleteInstance.html",
        "What is deleted is gone; no snapshot is taken.",
    ),
    "unencrypted-database": Kind(
        RDS + "Overview.Encryption.html",
        "Anybody who gets a snapshot reads the users' data.",
    ),
    "public-database": Kind(
        RDS + "USER_VPC.WorkingWithRDSInstanceinaVPC.html",
        "Anybody on the internet may try passwords.",
    ),
    "burstable-database": Kind(
        RDS + "Concepts.DBInstanceClass.html",
        "In a surge the credits end, and every query waits.",
    ),
    "storage-full": Kind(
        RDS + "USER_PIOPS.Autoscaling.html",
        "A full volume stops the database.",
    ),
    "connections-exhausted": Kind(
        RDS + "CHAP_Limits.html",
        "The grown fleet opens more connections than the database takes, and new ones fail.",
    ),
    "database-cannot-grow": Kind(
        AURORA + "aurora-serverless-v2.setting-capacity.html",
        "The database cannot grow with the fleet.",
    ),
    "proxy-starves": Kind(
        RDS + "rds-proxy-connections.html",
        "The proxy may use a few connections only, and requests wait for one.",
    ),
    "cache-without-replica": Kind(
        DOCS + "AmazonElastiCache/latest/dg/AutoFailover.html",
        "The failure of the only node sends all reads to the database in the surge.",
    ),
    "cache-refuses-writes": Kind(
        DOCS + "AmazonElastiCache/latest/dg/ParameterGroups.Engine.html",
        "A full cache answers writes with errors.",
    ),
    "table-cannot-grow": Kind(
        DOCS + "amazondynamodb/latest/developerguide/provisioned-capacity-mode.html",
        "Requests above the fixed capacity are throttled.",
    ),
    "public-bucket": Kind(
        DOCS + "AmazonS3/latest/userguide/access-control-block-public-access.html",
        "Anybody reads the addresses and requests of users.",
    ),
    # Alarms
    "nobody-alarmed": Kind(
        WATCH + "AlarmThatSendsEmail.html",
        "Users see errors, and nobody is called.",
    ),
    "alarm-without-action": Kind(
        WATCH + "alarm-actions.html",
        "The alarm changes its colour, and nobody is called.",
    ),
    "alarm-off": Kind(
        WATCH + "alarm-actions.html",
        "Actions are disabled, and nobody is called.",
    ),
    "topic-unread": Kind(
        DOCS + "sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html",
        "The topic has no subscriber, and nobody is called.",
    ),
    "subscription-unconfirmed": Kind(
        DOCS + "sns/latest/dg/SendMessageToHttp.confirm.html",
        "An unconfirmed subscription gets no messages.",
    ),
    "topic-refuses-alarms": Kind(
        DOCS + "sns/latest/dg/sns-key-management.html",
        "CloudWatch may not use the key, and the message is lost.",
    ),
    "open-topic": Kind(
        DOCS + "sns/latest/dg/sns-access-policy-use-cases.html",
        "Strangers read the alarms or send false ones.",
    ),
    "alarm-watches-nothing": Kind(
        DOCS + "elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html",
        "No metric has these dimensions, and the alarm never fires.",
    ),
    "alarm-calms-itself": Kind(
        WATCH + "alarms-and-missing-data.html",
        "The metric is missing when it matters, and the alarm treats that as healthy.",
    ),
    "alarm-out-of-reach": Kind(
        WATCH + "AlarmThatSendsEmail.html",
        "The threshold cannot be reached, and nobody is called.",
    ),
    # Containers
    "two-scalers": Kind(
        ECS + "cluster-auto-scaling.html",
        "Two scalers set the group's size against each other.",
    ),
    "deployment-takes-all": Kind(
        ECS + "deployment-type-ecs.html",
        "A deployment may stop every task before new ones run.",
    ),
    "tasks-do-not-scale": Kind(
        ECS + "service-auto-scaling.html",
        "The number of tasks stays while traffic doubles.",
    ),
    "open-cluster-endpoint": Kind(
        DOCS + "eks/latest/userguide/cluster-endpoint.html",
        "Anybody on the internet reaches the Kubernetes API.",
    ),
}
