"""What a plan does not tell, so that no rule can decide it."""

from typing import Final

LIMITS: Final[tuple[tuple[str, str], ...]] = (
    (
        "That e-mail and HTTPS subscriptions are confirmed (`sns-topic-has-subscription`)",
        "confirming happens outside Pulumi, after `up`",
    ),
    (
        "How long the application keeps idle connections (`lb-idle-timeout-below-keep-alive`)",
        "it is set in the application; the rule takes `service.keepAliveSeconds` for it",
    ),
    (
        "Active connections and bytes of a surge (`lb-reserves-capacity-for-surge`)",
        (
            "traces count requests; each is taken to open a connection, and other dimensions of "
            "an LCU are left out"
        ),
    ),
    (
        "The quota of vCPU, and what else in the account uses it (`asg-max-within-quota`)",
        "no resource of the stack holds it; the rule takes `account.vcpuQuota` for what is free",
    ),
    (
        (
            "`max_connections` where no parameter group states a number "
            "(`rds-connections-cover-fleet`)"
        ),
        "AWS's default is a formula over the memory of the class",
    ),
    (
        "Which group a surge hits, in a stack of several (`asg-max-covers-peak` and others)",
        "a surge is stated for the service, not for a group",
    ),
    (
        "Encryption in transit of Oracle and Db2 (`rds-encrypts-in-transit`)",
        "it is set by an option group, or by the client",
    ),
    (
        "Rules inside a WAF rule group of one's own (`lb-public-has-rate-rule`)",
        "they are not read",
    ),
    (
        "That another stack's key lets launches use it (`launch-template-key-lets-auto-scaling`)",
        "the key's policy is not in the plan",
    ),
    (
        "Secrets in user data that look like any text (`launch-template-no-secrets-in-user-data`)",
        "known shapes and telling names are found, a bare password is not",
    ),
    (
        "That a runbook behind an address exists (`alarm-links-runbook`)",
        "no rule reaches out to the network",
    ),
)
"""(what, why)"""
