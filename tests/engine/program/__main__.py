"""A small stack: enough kinds of resources to see each operation of the engine."""

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
network = aws.ec2.Vpc("network", cidr_block=config.get("cidr") or "10.0.0.0/16")
topics = [
    aws.sns.Topic(
        f"topic-{number}",
        name=f"{config.get('prefix') or 'tiny'}-{number}",
        display_name=config.get("displayName") or "Tiny",
        opts=pulumi.ResourceOptions(depends_on=[network] if number % 2 else []),
    )
    for number in range(config.get_int("topics") or 6)
]
aws.cloudwatch.LogGroup(
    "log",
    name=pulumi.Output.concat("/tiny/", network.id),
    retention_in_days=30,
    tags={"secret": pulumi.Output.secret("hunter2-in-a-tag")},
)

if config.get("secretName"):
    aws.sns.Topic("secret", name=pulumi.Output.secret(config.require("secretName")))

pulumi.export("topic", topics[0].arn)
pulumi.export("password", pulumi.Output.secret("correct-horse"))
