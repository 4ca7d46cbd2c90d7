"""Stacks with planted faults; what is not named in `faults` is meant to be sound."""

import json

from tests.corpus.build import Secret, Stack, text, user_data
from tests.corpus.manifest import Fault, stack
from tests.corpus.parts import (
    AMI,
    Elsewhere,
    Front,
    Network,
    Paging,
    aurora,
    mixed,
    open_from,
    open_to,
    postgres,
    redis,
    role,
    security_group,
    template,
    track_cpu,
    track_requests,
    web_acl,
)
from tests.corpus.parts import group as kept_group
from tests.corpus.sound import classic, ecs_service, eks, nodes, region


def group(*parts, **more):
    """Return a group to whose size the program holds, as most first programs do."""
    return kept_group(*parts, **{"ignore": ()} | more)


def web(s: Stack, name: str, net=None, *, front=None, made=None, fleet=None, paged=True):
    """Add a sound service without a policy; return its parts."""
    net = net or Elsewhere()
    front = front or Front(s, name, net)
    inside = security_group(s, name, net, open_from(front.group, front.port))
    made_of = template(s, name, [inside.id], **(made or {}))
    scaled = group(
        s, name, net, made_of, **{"targetGroupArns": [front.targets.arn]} | (fleet or {})
    )
    paging = Paging(s)
    if paged:
        paging.for_front(name, front)
    return net, front, inside, made_of, scaled, paging


@stack(
    "monolith",
    "A start-up's monolith that grew out of one instance",
    after="pulumi/examples and many first Terraform projects",
    scaler="target tracking",
    version=6,
    faults=(
        Fault("shop@autoscaling.Group", "healthCheckType", "app-failure-unseen"),
        Fault("shop@ec2.LaunchTemplate", "creditSpecification.cpuCredits", "credits-run-out"),
        Fault("shop@ec2.SecurityGroup", "ingress.cidrBlocks", "open-administration"),
        Fault("shop-db@rds.Instance", "multiAz", "one-zone-database"),
        Fault("shop-db@rds.Instance", "backupRetentionPeriod", "no-backups"),
        Fault("shop-db@rds.Instance", "deletionProtection", "deletable-database"),
        Fault("shop-db@rds.Instance", "skipFinalSnapshot", "no-final-snapshot"),
    ),
)
def monolith(s: Stack) -> None:
    net = Network(s, zones="ab")
    front = Front(s, "shop", net)
    inside = security_group(s, "shop", net, [*open_from(front.group, 8080), *open_to(22)])
    made_of = template(
        s,
        "shop",
        [inside.id],
        instanceType="t3.medium",
        creditSpecification={"cpuCredits": "standard"},
    )
    fleet = group(
        s,
        "shop",
        net,
        made_of,
        targetGroupArns=[front.targets.arn],
        healthCheckType=None,
        maxSize=10,
    )
    track_cpu(s, "shop-cpu", fleet)
    database = postgres(
        s,
        "shop-db",
        net,
        inside,
        multiAz=False,
        backupRetentionPeriod=0,
        deletionProtection=False,
        skipFinalSnapshot=True,
        finalSnapshotIdentifier=None,
    )
    paging = Paging(s)
    paging.for_front("shop", front)
    paging.for_database("shop", database)


def steps(s: Stack, name: str, fleet, change: list, **more):
    return s.add(
        "autoscaling.Policy",
        name,
        **{
            "autoscalingGroupName": fleet.name_,
            "policyType": "StepScaling",
            "adjustmentType": "ChangeInCapacity",
            "metricAggregationType": "Average",
            "stepAdjustments": change,
        }
        | more,
    )


def cpu_alarm(paging: Paging, name: str, fleet, policy, *, over: float, **more):
    return paging.alarm(
        name,
        "AWS/EC2",
        "CPUUtilization",
        {"AutoScalingGroupName": fleet.name_},
        **{
            "statistic": "Average",
            "threshold": over,
            "datapointsToAlarm": None,
            "evaluationPeriods": 2,
            "alarmActions": [policy.arn],
            "okActions": None,
        }
        | more,
    )


@stack(
    "news-steps",
    "A news site with step and simple scaling from the time before target tracking",
    after="cloudposse/terraform-aws-ec2-autoscale-group, CPU alarms",
    scaler="step and simple scaling",
    faults=(
        Fault("news-cpu-high", "period", "scales-too-late", ("news-out", "news")),
        Fault("news-in", "cooldown", "cooldown-too-long", ("news-out",)),
        Fault("news-burst-high", "alarmActions", "wrong-direction", ("news-in", "news-burst-in")),
    ),
)
def news_steps(s: Stack) -> None:
    *_, fleet, paging = web(s, "news")
    out = s.add(
        "autoscaling.Policy",
        "news-out",
        autoscalingGroupName=fleet.name_,
        adjustmentType="ChangeInCapacity",
        scalingAdjustment=2,
        cooldown=60,
    )
    cpu_alarm(paging, "news-cpu-high", fleet, out, over=70, period=300, evaluationPeriods=3)
    drop = s.add(
        "autoscaling.Policy",
        "news-in",
        autoscalingGroupName=fleet.name_,
        adjustmentType="ChangeInCapacity",
        scalingAdjustment=-1,
        cooldown=3600,
    )
    cpu_alarm(
        paging,
        "news-cpu-low",
        fleet,
        drop,
        over=25,
        comparisonOperator="LessThanThreshold",
        evaluationPeriods=15,
    )
    burst = steps(
        s,
        "news-burst-in",
        fleet,
        [{"metricIntervalLowerBound": "0", "scalingAdjustment": -4}],
    )
    cpu_alarm(paging, "news-burst-high", fleet, burst, over=85, evaluationPeriods=1)


@stack(
    "forum",
    "A forum whose scaling was copied from another service",
    after="terraform-aws-modules/terraform-aws-autoscaling, scaling_policies of the example",
    scaler="target tracking",
    faults=(
        Fault(
            "forum-requests",
            "targetTrackingConfiguration.predefinedMetricSpecification.resourceLabel",
            "watches-another-group",
            ("forum",),
        ),
        Fault(
            "forum-cpu", "targetTrackingConfiguration.targetValue", "target-too-high", ("forum",)
        ),
        Fault(
            "forum@autoscaling.Group", "defaultInstanceWarmup", "warmup-too-long", ("forum-cpu",)
        ),
        Fault(
            "forum@ec2.LaunchTemplate", "monitoring.enabled", "five-minute-metrics", ("forum-cpu",)
        ),
    ),
)
def forum(s: Stack) -> None:
    *_, fleet, _ = web(s, "forum", made={"monitoring": None}, fleet={"defaultInstanceWarmup": 1200})
    other = Front(s, "wiki", Elsewhere(), logs=False)
    second = security_group(s, "wiki", Elsewhere(), open_from(other.group, 8080))
    wiki = group(
        s,
        "wiki",
        Elsewhere(),
        template(s, "wiki", [second.id]),
        targetGroupArns=[other.targets.arn],
    )
    track_cpu(s, "wiki-cpu", wiki)
    track_cpu(s, "forum-cpu", fleet, 92.0)
    track_requests(s, "forum-requests", fleet, other, 800)


@stack(
    "thumbnails",
    "A thumbnail service on nothing but the cheapest Spot",
    after="AWS Spot examples of 2018 with spotInstancePools",
    scaler="target tracking",
    faults=(
        Fault(
            "thumbs@autoscaling.Group",
            "mixedInstancesPolicy.instancesDistribution.onDemandBaseCapacity",
            "no-on-demand-base",
        ),
        Fault(
            "thumbs@autoscaling.Group",
            "mixedInstancesPolicy.launchTemplate.overrides",
            "one-spot-pool",
        ),
        Fault(
            "thumbs@autoscaling.Group",
            "mixedInstancesPolicy.instancesDistribution.spotAllocationStrategy",
            "lowest-price",
        ),
        Fault("thumbs@ec2.LaunchTemplate", "metadataOptions.httpTokens", "metadata-v1"),
    ),
)
def thumbnails(s: Stack) -> None:
    net = Elsewhere()
    front = Front(s, "thumbs", net)
    inside = security_group(s, "thumbs", net, open_from(front.group, 8080))
    made_of = template(
        s,
        "thumbs",
        [inside.id],
        metadataOptions={"httpEndpoint": "enabled", "httpTokens": "optional"},
    )
    fleet = group(
        s,
        "thumbs",
        net,
        None,
        targetGroupArns=[front.targets.arn],
        mixedInstancesPolicy=mixed(
            made_of,
            "c5.large",
            base=0,
            above=0,
            spotAllocationStrategy="lowest-price",
            spotInstancePools=1,
        ),
    )
    track_cpu(s, "thumbs-cpu", fleet)
    Paging(s).for_front("thumbs", front)


def schedule(s: Stack, name: str, fleet, when: str, least: int, most: int, wanted: int) -> None:
    s.add(
        "autoscaling.Schedule",
        name,
        scheduledActionName=name,
        autoscalingGroupName=fleet.name_,
        recurrence=when,
        minSize=least,
        maxSize=most,
        desiredCapacity=wanted,
        timeZone="Europe/Rome",
    )


@stack(
    "booking",
    "A booking service with a calendar of sizes",
    after="terraform-aws-modules/terraform-aws-autoscaling, schedules of the example",
    scaler="target tracking and scheduled actions",
    faults=(
        Fault("night", "desiredCapacity", "schedule-to-zero", ("booking",)),
        Fault("savings", "maxSize", "schedule-leaves-low", ("booking-eu",)),
    ),
)
def booking(s: Stack) -> None:
    *_, fleet, paging = web(s, "booking")
    track_cpu(s, "booking-cpu", fleet)
    schedule(s, "night", fleet, "0 1 * * *", 0, 0, 0)
    schedule(s, "morning", fleet, "0 6 * * *", 4, 24, 8)
    net = Elsewhere()
    front = Front(s, "booking-eu", net, logs=False)
    inside = security_group(s, "booking-eu", net, open_from(front.group, 8080))
    made_of = template(s, "booking-eu", [inside.id])
    second = group(s, "booking-eu", net, made_of, targetGroupArns=[front.targets.arn], maxSize=40)
    paging.for_front("booking-eu", front)
    track_cpu(s, "booking-eu-cpu", second)
    schedule(s, "savings", second, "0 20 * * 5", 2, 4, 2)


@stack(
    "entrance",
    "An entrance with several listeners that grew over years",
    after="terraform-aws-modules/terraform-aws-alb, listeners; many hand-written ones",
    scaler="target tracking",
    faults=(
        Fault("legacy", "defaultActions", "nobody-behind", ("old",)),
        Fault("door-https", "sslPolicy", "old-tls"),
        Fault("plain", "protocol", "plain-text"),
        Fault("door@lb.LoadBalancer", "enableDeletionProtection", "deletable-entrance"),
    ),
)
def entrance(s: Stack) -> None:
    net = Elsewhere()
    front = Front(
        s,
        "door",
        net,
        balancer={"enableDeletionProtection": False},
        https={"sslPolicy": "ELBSecurityPolicy-TLS-1-0-2015-04"},
        redirect=False,
        ports=(80, 443, 8443),
    )
    *_, fleet, _ = web(s, "rooms", net, front=front)
    track_cpu(s, "rooms-cpu", fleet)
    s.add(
        "lb.Listener",
        "plain",
        loadBalancerArn=front.balancer.arn,
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "forward", "targetGroupArn": front.targets.arn}],
    )
    old = s.add(
        "lb.TargetGroup",
        "old",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        deregistrationDelay=60,
        healthCheck={"path": "/healthz", "interval": 10, "unhealthyThreshold": 3},
    )
    s.add(
        "lb.Listener",
        "legacy",
        loadBalancerArn=front.balancer.arn,
        port=8443,
        protocol="HTTPS",
        sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        certificateArn=front.https.certificateArn,
        defaultActions=[{"type": "forward", "targetGroupArn": old.arn}],
    )


@stack(
    "search",
    "A search service whose instances need minutes to warm up",
    after="telia-oss/terraform-aws-asg with lifecycle hooks",
    scaler="target tracking",
    faults=(
        Fault("search@lb.TargetGroup", "healthCheck.unhealthyThreshold", "check-too-slow"),
        Fault("search@lb.TargetGroup", "healthCheck.matcher", "check-accepts-errors"),
        Fault("search@autoscaling.Group", "healthCheckGracePeriod", "grace-too-short"),
        Fault("index-loaded", "defaultResult", "hook-holds-launch", ("search",)),
    ),
)
def search(s: Stack) -> None:
    net = Elsewhere()
    front = Front(
        s,
        "search",
        net,
        check={"interval": 60, "timeout": 30, "unhealthyThreshold": 10, "matcher": "200-499"},
    )
    *_, fleet, _ = web(
        s,
        "search",
        net,
        front=front,
        made={
            "userData": user_data("aws s3 sync s3://index /var/index", "sleep 90", "start-search")
        },
        fleet={"healthCheckGracePeriod": 0},
    )
    track_cpu(s, "search-cpu", fleet)
    s.add(
        "autoscaling.LifecycleHook",
        "index-loaded",
        autoscalingGroupName=fleet.name_,
        lifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        heartbeatTimeout=7200,
        defaultResult="ABANDON",
    )


@stack(
    "cart",
    "A shopping cart that keeps its sessions in the instances",
    after="mitodl/ol-infrastructure, target groups with lb_cookie; nginx modules",
    scaler="target tracking",
    version=6,
    faults=(
        Fault("cart@lb.TargetGroup", "deregistrationDelay", "connections-cut"),
        Fault("cart@lb.TargetGroup", "stickiness.cookieDuration", "sticky-for-days"),
        Fault("cart@lb.TargetGroup", "slowStart", "slow-start-too-long"),
        Fault("cart@lb.LoadBalancer", "idleTimeout", "keep-alive-too-short"),
    ),
)
def cart(s: Stack) -> None:
    net = Elsewhere()
    front = Front(
        s,
        "cart",
        net,
        balancer={"idleTimeout": 300},
        targets={
            "deregistrationDelay": 0,
            "slowStart": 900,
            "stickiness": {"type": "lb_cookie", "enabled": True, "cookieDuration": 604800},
        },
    )
    *_, fleet, _ = web(
        s,
        "cart",
        net,
        front=front,
        made={
            "userData": user_data(
                "cat > /etc/nginx/conf.d/app.conf <<'EOF'",
                "keepalive_timeout 15s;",
                "upstream app { server 127.0.0.1:3000; keepalive 32; }",
                "EOF",
                "systemctl restart nginx",
            )
        },
    )
    track_requests(s, "cart-requests", fleet, front, 700)


@stack(
    "payments",
    "A payment service whose security groups were edited by hand",
    after="aws-ia and hand-written modules with separate rules",
    scaler="target tracking",
    faults=(
        Fault("pay-in", "fromPort", "balancer-shut-out", ("pay", "pay-db")),
        Fault("pay-ssh", "cidrIpv4", "open-administration", ("pay",)),
        Fault("pay-db@rds.Instance", "publiclyAccessible", "public-database"),
        Fault("pay-db-world", "cidrBlocks", "public-database", ("pay-db-db", "pay-db")),
        Fault("pay-db@rds.Instance", "storageEncrypted", "unencrypted-database"),
    ),
)
def payments(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "pay", net, port=8443, targets={"protocol": "HTTPS"})
    inside = s.add("ec2.SecurityGroup", "pay", vpcId=net.vpc.id)
    s.add(
        "vpc.SecurityGroupIngressRule",
        "pay-in",
        securityGroupId=inside.id,
        referencedSecurityGroupId=front.group.id,
        ipProtocol="tcp",
        fromPort=8080,
        toPort=8080,
    )
    s.add(
        "vpc.SecurityGroupIngressRule",
        "pay-ssh",
        securityGroupId=inside.id,
        cidrIpv4="0.0.0.0/0",
        ipProtocol="tcp",
        fromPort=22,
        toPort=22,
    )
    s.add(
        "vpc.SecurityGroupEgressRule",
        "pay-out",
        securityGroupId=inside.id,
        cidrIpv4="0.0.0.0/0",
        ipProtocol="-1",
    )
    fleet = group(
        s, "pay", net, template(s, "pay", [inside.id]), targetGroupArns=[front.targets.arn]
    )
    track_cpu(s, "pay-cpu", fleet)
    subnets = s.add("rds.SubnetGroup", "pay-db", subnetIds=net.ids("public"))
    allowed = s.add("ec2.SecurityGroup", "pay-db-db", vpcId=net.vpc.id)
    s.add(
        "ec2.SecurityGroupRule",
        "pay-db-world",
        type_="ingress",
        securityGroupId=allowed.id,
        protocol="tcp",
        fromPort=5432,
        toPort=5432,
        cidrBlocks=["0.0.0.0/0"],
    )
    database = s.add(
        "rds.Instance",
        "pay-db",
        engine="postgres",
        engineVersion="15.8",
        instanceClass="db.r6g.large",
        allocatedStorage=100,
        maxAllocatedStorage=500,
        storageType="gp3",
        storageEncrypted=False,
        multiAz=True,
        publiclyAccessible=True,
        backupRetentionPeriod=7,
        deletionProtection=True,
        finalSnapshotIdentifier="pay-db-final",
        username="pay",
        password=Secret("p4y"),
        dbSubnetGroupName=subnets.name_,
        vpcSecurityGroupIds=[allowed.id],
    )
    paging = Paging(s)
    paging.for_front("pay", front)
    paging.for_database("pay", database)


@stack(
    "silent-alarms",
    "A service with many alarms, none of which would wake anybody",
    after="cloudposse/terraform-aws-alb-target-group-cloudwatch-sns-alarms, as people fill it in",
    scaler="target tracking",
    faults=(
        Fault("elb-5xx", "alarmActions", "alarm-without-action"),
        Fault("target-5xx", "actionsEnabled", "alarm-off"),
        Fault("slow", "dimensions", "alarm-watches-nothing"),
        Fault("healthy", "treatMissingData", "alarm-calms-itself"),
        Fault("cpu", "threshold", "alarm-out-of-reach"),
        Fault("oncall", "subscriptions", "topic-unread", ("cpu", "healthy", "slow")),
    ),
)
def silent_alarms(s: Stack) -> None:
    net = Elsewhere()
    front = Front(s, "api", net)
    inside = security_group(s, "api", net, open_from(front.group, 8080))
    fleet = group(
        s, "api", net, template(s, "api", [inside.id]), targetGroupArns=[front.targets.arn]
    )
    track_cpu(s, "api-cpu", fleet)
    paging = Paging(s, subscribed=False)
    balancer = {"LoadBalancer": front.balancer.arnSuffix}
    space = "AWS/ApplicationELB"
    paging.alarm(
        "elb-5xx", space, "HTTPCode_ELB_5XX_Count", balancer, alarmActions=None, okActions=None
    )
    paging.alarm("target-5xx", space, "HTTPCode_Target_5XX_Count", balancer, actionsEnabled=False)
    paging.alarm(
        "slow",
        space,
        "TargetResponseTime",
        {"LoadBalancer": front.balancer.name_},
        statistic="Average",
        threshold=2,
    )
    paging.alarm(
        "healthy",
        space,
        "HealthyHostCount",
        balancer | {"TargetGroup": front.targets.arnSuffix},
        statistic="Minimum",
        threshold=1,
        comparisonOperator="LessThanThreshold",
        treatMissingData="notBreaching",
    )
    paging.alarm(
        "cpu",
        "AWS/EC2",
        "CPUUtilization",
        {"AutoScalingGroupName": fleet.name_},
        statistic="Average",
        threshold=110,
    )


@stack(
    "lost-messages",
    "A service whose alarms reach a topic that cannot pass them on",
    after="public SNS modules with kmsMasterKeyId alias/aws/sns",
    scaler="target tracking",
    faults=(
        Fault("alerts", "kmsMasterKeyId", "topic-refuses-alarms"),
        Fault("alerts-pager", "pendingConfirmation", "subscription-unconfirmed", ("alerts",)),
        Fault("alerts", "policy", "open-topic"),
    ),
)
def lost_messages(s: Stack) -> None:
    net = Elsewhere()
    front = Front(s, "mail", net)
    inside = security_group(s, "mail", net, open_from(front.group, 8080))
    fleet = group(
        s, "mail", net, template(s, "mail", [inside.id]), targetGroupArns=[front.targets.arn]
    )
    track_cpu(s, "mail-cpu", fleet)
    paging = Paging(
        s,
        "alerts",
        topic={
            "kmsMasterKeyId": "alias/aws/sns",
            "policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": "*",
                            "Action": ["sns:Publish", "sns:Subscribe"],
                            "Resource": "*",
                        }
                    ],
                }
            ),
        },
        subscription={
            "protocol": "email",
            "endpoint": "team@example.com",
            "endpointAutoConfirms": False,
            "outputs": {"pendingConfirmation": True, "confirmationWasAuthenticated": False},
        },
    )
    paging.for_front("mail", front)


@stack(
    "streams-ecs",
    "Containers on EC2 whose group is scaled twice",
    after="trussworks and hand-written ECS modules",
    scaler="ECS managed scaling and target tracking",
    faults=(
        Fault("nodes-cpu", "targetTrackingConfiguration", "two-scalers", ("nodes",)),
        Fault("streams@ecs.Service", "deploymentMinimumHealthyPercent", "deployment-takes-all"),
        Fault("streams@ecs.Service", "desiredCount", "tasks-do-not-scale"),
        Fault("nodes@autoscaling.Group", "maxSize", "no-room-to-grow"),
        Fault("nodes@autoscaling.Group", "suspendedProcesses", "suspended-process"),
    ),
)
def streams_ecs(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "streams", net)
    inside = security_group(
        s,
        "streams-nodes",
        net,
        [
            {
                "protocol": "tcp",
                "fromPort": 32768,
                "toPort": 65535,
                "securityGroups": [front.group.id],
            }
        ],
    )
    cluster = s.add("ecs.Cluster", "streams")
    profile = role(s, "nodes", "service-role/AmazonEC2ContainerServiceforEC2Role")
    nodes_ = group(
        s,
        "nodes",
        net,
        template(
            s,
            "nodes",
            [inside.id],
            iamInstanceProfile={"arn": profile.arn},
            userData=user_data("echo ECS_CLUSTER=streams >> /etc/ecs/ecs.config"),
        ),
        minSize=6,
        maxSize=6,
        healthCheckType="EC2",
        protectFromScaleIn=True,
        suspendedProcesses=["AZRebalance", "ReplaceUnhealthy", "Launch"],
    )
    provider = s.add(
        "ecs.CapacityProvider",
        "nodes",
        autoScalingGroupProvider={
            "autoScalingGroupArn": nodes_.arn,
            "managedTerminationProtection": "ENABLED",
            "managedScaling": {"status": "ENABLED", "targetCapacity": 100},
        },
    )
    s.add(
        "ecs.ClusterCapacityProviders",
        "streams",
        clusterName=cluster.name_,
        capacityProviders=[provider.name_],
        defaultCapacityProviderStrategies=[{"capacityProvider": provider.name_, "weight": 1}],
    )
    track_cpu(s, "nodes-cpu", nodes_)
    ecs_service(s, "streams", cluster, front, deploymentMinimumHealthyPercent=0)
    Paging(s).for_front("streams", front)


@stack(
    "tools-eks",
    "A cluster in which a web service runs on fixed Spot nodes",
    after="pulumi/pulumi-eks and terraform-aws-eks examples",
    scaler="nobody",
    faults=(
        Fault("web", "subnetIds", "one-zone-group"),
        Fault("web", "scalingConfig.maxSize", "no-room-to-grow"),
        Fault("web", "instanceTypes", "one-spot-pool"),
        Fault("tools", "vpcConfig.publicAccessCidrs", "open-cluster-endpoint"),
    ),
)
def tools_eks(s: Stack) -> None:
    net = Network(s)
    cluster = eks(
        s,
        "tools",
        net,
        vpcConfig={
            "subnetIds": net.ids(),
            "endpointPrivateAccess": False,
            "endpointPublicAccess": True,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
    )
    profile = s.add(
        "iam.Role",
        "tools-nodes",
        assumeRolePolicy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
    )
    nodes(
        s,
        "web",
        net,
        cluster,
        profile,
        subnetIds=[net.private[0].id],
        capacityType="SPOT",
        instanceTypes=["m5.large"],
        scalingConfig={"minSize": 5, "maxSize": 5, "desiredSize": 5},
    )


@stack(
    "ledger",
    "A ledger on Aurora with one instance",
    after="terraform-aws-modules/terraform-aws-rds-aurora, examples",
    scaler="target tracking",
    form="create",
    faults=(
        Fault("ledger-0", "clusterIdentifier", "one-zone-database", ("ledger",)),
        Fault("ledger@rds.Cluster", "storageEncrypted", "unencrypted-database"),
        Fault("ledger@rds.Cluster", "deletionProtection", "deletable-database"),
        Fault("ledger@rds.Cluster", "skipFinalSnapshot", "no-final-snapshot"),
        Fault(
            "ledger@rds.ClusterParameterGroup",
            "parameters.max_connections",
            "connections-exhausted",
            ("ledger-0",),
        ),
    ),
)
def ledger(s: Stack) -> None:
    net, _, inside, _, fleet, _ = web(s, "books", Network(s), fleet={"maxSize": 60})
    track_cpu(s, "books-cpu", fleet)
    limits = s.add(
        "rds.ClusterParameterGroup",
        "ledger",
        family="aurora-mysql8.0",
        parameters=[{"name": "max_connections", "value": "60", "applyMethod": "immediate"}],
    )
    aurora(
        s,
        "ledger",
        net,
        inside,
        instances=1,
        storageEncrypted=False,
        deletionProtection=False,
        skipFinalSnapshot=True,
        finalSnapshotIdentifier=None,
        dbClusterParameterGroupName=limits.name_,
    )


@stack(
    "narrow-network",
    "A service in a network that was planned for ten instances",
    after="terraform-aws-modules/terraform-aws-vpc with single_nat_gateway",
    scaler="target tracking",
    faults=(
        Fault("main-nat-a@ec2.NatGateway", "subnetId", "one-nat-gateway", ("main",)),
        Fault(
            "main-private-a@ec2.Subnet",
            "cidrBlock",
            "subnets-too-small",
            ("quiz", "main-private-b", "main-private-c"),
        ),
        Fault("quiz@lb.LoadBalancer", "subnets", "zones-without-balancer"),
    ),
)
def narrow_network(s: Stack) -> None:
    net = Network(s, nat="one", size=28)
    front = Front(s, "quiz", net, balancer={"subnets": [each.id for each in net.public[:2]]})
    *_, fleet, _ = web(s, "quiz", net, front=front, fleet={"maxSize": 80, "minSize": 9})
    track_cpu(s, "quiz-cpu", fleet)


@stack(
    "lobby",
    "A game lobby behind a network load balancer in one zone",
    after="public NLB modules; AWS documentation of cross-zone load balancing",
    scaler="target tracking",
    faults=(
        Fault("lobby@lb.LoadBalancer", "subnets", "one-zone-balancer"),
        Fault("lobby@lb.LoadBalancer", "enableCrossZoneLoadBalancing", "uneven-zones"),
        Fault("lobby@lb.TargetGroup", "deregistrationDelay", "connections-cut"),
        Fault("lobby@lb.LoadBalancer", "enableDeletionProtection", "deletable-entrance"),
        Fault("lobby@lb.LoadBalancer", "alarms", "nobody-alarmed", ("lobby",)),
    ),
)
def lobby(s: Stack) -> None:
    net = Network(s)
    inside = security_group(s, "lobby", net, open_to(7777))
    balancer = s.add(
        "lb.LoadBalancer",
        "lobby",
        loadBalancerType="network",
        subnets=[net.public[0].id],
        enableCrossZoneLoadBalancing=False,
    )
    targets = s.add(
        "lb.TargetGroup",
        "lobby",
        port=7777,
        protocol="TCP",
        vpcId=net.vpc.id,
        deregistrationDelay=0,
        healthCheck={
            "protocol": "TCP",
            "interval": 10,
            "unhealthyThreshold": 2,
            "path": "",
            "matcher": "",
        },
        stickiness={"enabled": False, "type": "source_ip"},
    )
    s.add(
        "lb.Listener",
        "lobby",
        loadBalancerArn=balancer.arn,
        port=7777,
        protocol="TCP",
        defaultActions=[{"type": "forward", "targetGroupArn": targets.arn}],
    )
    fleet = group(s, "lobby", net, template(s, "lobby", [inside.id]), targetGroupArns=[targets.arn])
    track_cpu(s, "lobby-cpu", fleet, 45)


@stack(
    "archive",
    "An archive on a classic load balancer that an incident left half suspended",
    after="alphagov/govuk-aws, node_group; gruntwork webserver cluster",
    scaler="simple scaling",
    version=6,
    faults=(
        Fault("archive@elb.LoadBalancer", "connectionDraining", "connections-cut"),
        Fault("archive@elb.LoadBalancer", "crossZoneLoadBalancing", "uneven-zones"),
        Fault("archive@elb.LoadBalancer", "healthCheck.target", "check-accepts-errors"),
        Fault("archive@autoscaling.Group", "suspendedProcesses", "suspended-process"),
        Fault(
            "archive@ec2.LaunchConfiguration", "rootBlockDevice.encrypted", "unencrypted-storage"
        ),
        Fault("archive@autoscaling.Group", "healthCheckType", "app-failure-unseen"),
    ),
)
def archive(s: Stack) -> None:
    net = Elsewhere()
    entrance_ = security_group(s, "archive-elb", net, open_to(443))
    inside = security_group(s, "archive", net, open_from(entrance_, 80))
    balancer = classic(
        s,
        "archive",
        net,
        entrance_,
        connectionDraining=False,
        crossZoneLoadBalancing=False,
        healthCheck={
            "target": "TCP:22",
            "interval": 10,
            "timeout": 5,
            "healthyThreshold": 2,
            "unhealthyThreshold": 3,
        },
    )
    made_of = s.add(
        "ec2.LaunchConfiguration",
        "archive",
        imageId=AMI,
        instanceType="m5.large",
        securityGroups=[inside.id],
        metadataOptions={"httpTokens": "required"},
        rootBlockDevice={"volumeSize": 100, "encrypted": False},
    )
    fleet = group(
        s,
        "archive",
        net,
        None,
        healthCheckType="EC2",
        launchConfiguration=made_of.name_,
        loadBalancers=[balancer.name_],
        suspendedProcesses=["AlarmNotification", "AddToLoadBalancer"],
    )
    paging = Paging(s)
    out = s.add(
        "autoscaling.Policy",
        "archive-out",
        autoscalingGroupName=fleet.name_,
        adjustmentType="ChangeInCapacity",
        scalingAdjustment=3,
        cooldown=90,
    )
    cpu_alarm(paging, "archive-high", fleet, out, over=60)
    back = s.add(
        "autoscaling.Policy",
        "archive-in",
        autoscalingGroupName=fleet.name_,
        adjustmentType="ChangeInCapacity",
        scalingAdjustment=-1,
        cooldown=300,
    )
    cpu_alarm(
        paging,
        "archive-low",
        fleet,
        back,
        over=20,
        comparisonOperator="LessThanThreshold",
        evaluationPeriods=15,
    )
    own = {"LoadBalancerName": balancer.name_}
    paging.alarm("archive-5xx", "AWS/ELB", "HTTPCode_Backend_5XX", own)
    paging.alarm("archive-elb-5xx", "AWS/ELB", "HTTPCode_ELB_5XX", own)


@stack(
    "failover",
    "A second Region that would not carry the first one's users",
    after="pulumi/examples with two providers; Route 53 failover records",
    scaler="target tracking in one Region",
    faults=(
        Fault("primary", "healthCheckId", "fails-over-blindly", ("secondary",)),
        Fault("api-eu-central-1@autoscaling.Group", "maxSize", "nothing-scales", ("ahead",)),
        Fault(
            "ahead", "predictiveScalingConfiguration.mode", "forecast-only", ("api-eu-central-1",)
        ),
    ),
)
def failover(s: Stack) -> None:
    for name, word, cidr in (
        ("eu-west-1", "primary", "10.30"),
        ("eu-central-1", "secondary", "10.40"),
    ):
        there, fleet, front = region(s, name, scaled=word == "primary", cidr=cidr)
        if word == "secondary":
            s.add(
                "autoscaling.Policy",
                "ahead",
                provider=there,
                autoscalingGroupName=fleet.name_,
                policyType="PredictiveScaling",
                predictiveScalingConfiguration={
                    "mode": "ForecastOnly",
                    "metricSpecification": {
                        "targetValue": 40,
                        "predefinedMetricPairSpecification": {
                            "predefinedMetricType": "ASGCPUUtilization"
                        },
                    },
                },
            )
        s.add(
            "route53.Record",
            word,
            zoneId="Z0123456ABCDEF",
            name_="api.example.com",
            type_="A",
            setIdentifier=word,
            failoverRoutingPolicies=[{"type": word.upper()}],
            aliases=[
                {
                    "name": front.balancer.dnsName,
                    "zoneId": front.balancer.zoneId,
                    "evaluateTargetHealth": False,
                }
            ],
        )


@stack(
    "campaign",
    "A campaign site with a web ACL that was set up in a hurry",
    after="public WAF modules; AWS documentation of rate-based rules",
    scaler="target tracking",
    faults=(
        Fault("strict@wafv2.WebAcl", "rules", "users-blocked"),
        Fault("bots", "associations", "acl-unattached"),
        Fault("land@lb.LoadBalancer", "desyncMitigationMode", "request-smuggling"),
        Fault(
            "land-lb-logs@s3.BucketPublicAccessBlock",
            "blockPublicAcls",
            "public-bucket",
            ("open-assets", "land-lb-logs"),
        ),
        Fault("land@lb.TargetGroup", "healthCheck.timeout", "check-too-eager"),
    ),
)
def campaign(s: Stack) -> None:
    net = Elsewhere()
    front = Front(
        s,
        "land",
        net,
        balancer={"desyncMitigationMode": "monitor", "dropInvalidHeaderFields": False},
        check={"interval": 5, "timeout": 2, "unhealthyThreshold": 2},
        logs=False,
    )
    logs = s.add("s3.Bucket", "land-lb-logs")
    s.add(
        "s3.BucketPublicAccessBlock",
        "land-lb-logs",
        bucket=logs.id,
        blockPublicAcls=False,
        blockPublicPolicy=False,
        ignorePublicAcls=False,
        restrictPublicBuckets=False,
    )
    s.add(
        "s3.BucketPolicy",
        "open-assets",
        bucket=logs.id,
        policy=text(
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
            '"Action":"s3:GetObject","Resource":"',
            logs.arn,
            '/*"}]}',
        ),
    )
    *_, fleet, _ = web(s, "land", net, front=front)
    track_requests(s, "land-requests", fleet, front, 900)
    web_acl(s, "strict", front, limit=100)
    web_acl(s, "bots", front, attach=False)


@stack(
    "scores",
    "Scores of a game in DynamoDB, served by instances with too many rights",
    after="aws-samples with a provisioned table; hand-written instance roles",
    scaler="target tracking",
    form="create",
    faults=(
        Fault("scores@dynamodb.Table", "readCapacity", "table-cannot-grow"),
        Fault("scores-administratoraccess", "policyArn", "too-much-permission", ("scores",)),
        Fault("scores@ec2.LaunchTemplate", "userData", "secret-in-user-data"),
        Fault(
            "scores@ec2.LaunchTemplate", "blockDeviceMappings.ebs.encrypted", "unencrypted-storage"
        ),
        Fault("scores@autoscaling.Group", "vpcZoneIdentifiers", "one-zone-group"),
    ),
)
def scores(s: Stack) -> None:
    net = Network(s)
    profile = role(s, "scores", "AdministratorAccess")
    *_, fleet, _ = web(
        s,
        "scores",
        net,
        made={
            "iamInstanceProfile": {"arn": profile.arn},
            "userData": user_data(
                "export DB_PASSWORD='hunter2-Prod-2024'",
                "export API_TOKEN=tok_live_51H8xQwErTyUiOp",
                "systemctl start app",
            ),
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {"volumeSize": 100, "volumeType": "gp3", "encrypted": "false"},
                }
            ],
        },
        fleet={"vpcZoneIdentifiers": [net.private[0].id]},
    )
    track_cpu(s, "scores-cpu", fleet)
    s.add(
        "dynamodb.Table",
        "scores",
        billingMode="PROVISIONED",
        readCapacity=25,
        writeCapacity=10,
        hashKey="player",
        attributes=[{"name": "player", "type": "S"}],
        pointInTimeRecovery={"enabled": True},
        deletionProtectionEnabled=True,
    )


@stack(
    "sessions",
    "Sessions in Redis and rows behind a proxy",
    after="cloudposse/terraform-aws-elasticache-redis; RDS Proxy modules",
    scaler="target tracking",
    faults=(
        Fault("sessions@elasticache.ReplicationGroup", "numCacheClusters", "cache-without-replica"),
        Fault(
            "sessions@elasticache.ParameterGroup",
            "parameters.maxmemory-policy",
            "cache-refuses-writes",
        ),
        Fault(
            "front-pool@rds.ProxyDefaultTargetGroup",
            "connectionPoolConfig.maxConnectionsPercent",
            "proxy-starves",
        ),
        Fault("rows@rds.Instance", "instanceClass", "burstable-database"),
        Fault("rows@rds.Instance", "maxAllocatedStorage", "storage-full"),
    ),
)
def sessions(s: Stack) -> None:
    net, _, inside, _, fleet, paging = web(s, "members", Network(s), fleet={"maxSize": 50})
    track_cpu(s, "members-cpu", fleet)
    policy = s.add(
        "elasticache.ParameterGroup",
        "sessions",
        family="redis7",
        parameters=[{"name": "maxmemory-policy", "value": "noeviction"}],
    )
    redis(
        s,
        "sessions",
        net,
        inside,
        numCacheClusters=1,
        automaticFailoverEnabled=False,
        multiAzEnabled=False,
        parameterGroupName=policy.name_,
    )
    database = postgres(
        s,
        "rows",
        net,
        inside,
        instanceClass="db.t3.small",
        allocatedStorage=20,
        maxAllocatedStorage=None,
    )
    proxy = s.add(
        "rds.Proxy",
        "front-pool",
        name_="front-pool",
        engineFamily="POSTGRESQL",
        requireTls=True,
        roleArn="arn:aws:iam::123456789012:role/pool",
        vpcSubnetIds=net.ids(),
        auths=[
            {
                "authScheme": "SECRETS",
                "iamAuth": "DISABLED",
                "secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rows-x1Y2z3",
            }
        ],
    )
    s.add(
        "rds.ProxyDefaultTargetGroup",
        "front-pool",
        dbProxyName=proxy.name_,
        connectionPoolConfig={"maxConnectionsPercent": 2, "connectionBorrowTimeout": 120},
    )
    own = {"DBInstanceIdentifier": database.identifier}
    paging.alarm("rows-cpu", "AWS/RDS", "CPUUtilization", own, statistic="Average", threshold=80)


@stack(
    "cost-cut",
    "A change that saves money: one preview, many mistakes",
    after="pulumi preview --json --show-sames of a deployed service",
    scaler="target tracking",
    form="change",
    faults=(
        Fault("mall@autoscaling.Group", "maxSize", "no-room-to-grow"),
        Fault("mall-db@rds.Instance", "multiAz", "one-zone-database"),
        Fault("mall-db@rds.Instance", "backupRetentionPeriod", "no-backups"),
        Fault("mall-elb-5xx", "alarmActions", "alarm-without-action"),
        Fault("mall@lb.TargetGroup", "deregistrationDelay", "connections-cut"),
    ),
)
def cost_cut(s: Stack) -> dict:
    net, _front, inside, _, fleet, _ = web(s, "mall", Network(s), front=None)
    track_cpu(s, "mall-cpu", fleet)
    database = postgres(s, "mall-db", net, inside)
    Paging(s, "data-oncall").for_database("mall-db", database)
    return {
        "mall@autoscaling.Group": {"maxSize": 4, "minSize": 4, "desiredCapacity": 4},
        "mall@lb.TargetGroup": {"deregistrationDelay": 1},
        "mall-db@rds.Instance": {"multiAz": False, "backupRetentionPeriod": 0},
        "mall-elb-5xx": {"alarmActions": []},
    }


@stack(
    "hackathon",
    "A weekend's stack that became a product, before its first update",
    after="pulumi/examples webserver, gruntwork terraform-up-and-running webserver cluster",
    scaler="nobody",
    form="create",
    faults=(
        Fault("app@autoscaling.Group", "maxSize", "nothing-scales"),
        Fault("app@autoscaling.Group", "healthCheckType", "app-failure-unseen"),
        Fault("app@ec2.LaunchTemplate", "metadataOptions.httpTokens", "metadata-v1"),
        Fault("app-http", "protocol", "plain-text"),
        Fault("app@lb.LoadBalancer", "alarms", "nobody-alarmed", ("app",)),
        Fault("app@ec2.SecurityGroup", "ingress.cidrBlocks", "open-administration"),
    ),
)
def hackathon(s: Stack) -> None:
    net = Network(s, zones="ab")
    entrance_ = security_group(s, "app-lb", net, open_to(80))
    balancer = s.add(
        "lb.LoadBalancer",
        "app",
        subnets=net.ids("public"),
        securityGroups=[entrance_.id],
        enableDeletionProtection=True,
        dropInvalidHeaderFields=True,
    )
    targets = s.add(
        "lb.TargetGroup",
        "app",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        deregistrationDelay=60,
        healthCheck={"path": "/", "interval": 15, "unhealthyThreshold": 2},
    )
    s.add(
        "lb.Listener",
        "app-http",
        loadBalancerArn=balancer.arn,
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "forward", "targetGroupArn": targets.arn}],
    )
    inside = security_group(s, "app", net, [*open_from(entrance_, 8080), *open_to(22, 3389)])
    made_of = template(s, "app", [inside.id], metadataOptions=None)
    group(
        s,
        "app",
        net,
        made_of,
        minSize=2,
        maxSize=10,
        desiredCapacity=2,
        healthCheckType=None,
        targetGroupArns=[targets.arn],
    )


@stack(
    "native-faults",
    "A service by aws-native whose defaults were left",
    after="pulumi/pulumi-aws-native examples",
    scaler="target tracking",
    faults=(
        Fault("door", "loadBalancerAttributes", "deletable-entrance"),
        Fault("fleet", "healthCheckType", "app-failure-unseen"),
        Fault("fleet", "maxSize", "no-room-to-grow", ("fleet-cpu",)),
        Fault("inside", "securityGroupIngress.cidrIp", "open-administration"),
        Fault("store", "backupRetentionPeriod", "no-backups"),
    ),
)
def native_faults(s: Stack) -> None:
    net = Elsewhere()
    elb = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
    inside = s.add(
        "aws-native:ec2:SecurityGroup",
        "inside",
        groupDescription="everything",
        vpcId=net.vpc.id,
        securityGroupIngress=[
            {"ipProtocol": "tcp", "fromPort": 8080, "toPort": 8080, "cidrIp": "10.0.0.0/8"},
            {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIp": "0.0.0.0/0"},
        ],
        outputs={"groupId": "sg-0c77f3e1c2d9b8a42"},
    )
    balancer = s.add(
        "aws-native:elasticloadbalancingv2:LoadBalancer",
        "door",
        type_="application",
        subnets=net.ids("public"),
        securityGroups=["sg-0a77f3e1c2d9b8a41"],
        loadBalancerAttributes=[{"key": "deletion_protection.enabled", "value": "false"}],
        outputs={"loadBalancerArn": elb + "loadbalancer/app/door-4a1b2c3/50dc6c495c0c9188"},
    )
    targets = s.add(
        "aws-native:elasticloadbalancingv2:TargetGroup",
        "targets",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        healthCheckPath="/healthz",
        healthCheckIntervalSeconds=10,
        outputs={"targetGroupArn": elb + "targetgroup/targets-4a1b2c3/73e2d6bc24d8a067"},
    )
    s.add(
        "aws-native:elasticloadbalancingv2:Listener",
        "https",
        loadBalancerArn=balancer.loadBalancerArn,
        port=443,
        protocol="HTTPS",
        sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        certificates=[
            {
                "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/"
                "6b1c9f0e-55d1-4f0e-9c2b-1d7c1f1b0a77"
            }
        ],
        defaultActions=[{"type": "forward", "targetGroupArn": targets.targetGroupArn}],
    )
    made_of = s.add(
        "aws-native:ec2:LaunchTemplate",
        "template",
        launchTemplateData={
            "imageId": AMI,
            "instanceType": "m7g.large",
            "securityGroupIds": [inside.groupId],
            "metadataOptions": {"httpTokens": "required"},
            "monitoring": {"enabled": True},
        },
        outputs={"launchTemplateId": "lt-0a1b2c3d4e5f60718", "latestVersionNumber": "4"},
    )
    fleet = s.add(
        "aws-native:autoscaling:AutoScalingGroup",
        "fleet",
        minSize="4",
        maxSize="4",
        vpcZoneIdentifier=net.ids(),
        healthCheckType="EC2",
        targetGroupArns=[targets.targetGroupArn],
        launchTemplate={
            "launchTemplateId": made_of.launchTemplateId,
            "version": made_of.latestVersionNumber,
        },
        outputs={"autoScalingGroupName": "fleet-4a1b2c3"},
    )
    s.add(
        "aws-native:autoscaling:ScalingPolicy",
        "fleet-cpu",
        autoScalingGroupName=fleet.autoScalingGroupName,
        policyType="TargetTrackingScaling",
        targetTrackingConfiguration={
            "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
            "targetValue": 50,
        },
    )
    s.add(
        "aws-native:rds:DbInstance",
        "store",
        engine="postgres",
        dbInstanceClass="db.r6g.large",
        allocatedStorage="100",
        maxAllocatedStorage=500,
        multiAz=True,
        storageEncrypted=True,
        deletionProtection=True,
        backupRetentionPeriod=0,
        manageMasterUserPassword=True,
    )


@stack(
    "guest",
    "A service behind somebody else's entrance, with a policy that was switched off",
    after="pulumi/pulumi-aws, get of existing resources; instance refresh modules",
    scaler="a disabled policy",
    faults=(
        Fault("guest-cpu", "enabled", "policy-disabled", ("guest",)),
        Fault(
            "guest@autoscaling.Group",
            "instanceRefresh.preferences.minHealthyPercentage",
            "refresh-takes-all",
        ),
        Fault("guest@lb.TargetGroup", "stickiness.cookieDuration", "sticky-for-days"),
        Fault("guest-slow", "alarmActions", "alarm-without-action"),
    ),
)
def guest(s: Stack) -> None:
    net = Elsewhere()
    elb = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
    listener = s.add(
        "lb.Listener",
        "shared-https",
        external=True,
        loadBalancerArn=elb + "loadbalancer/app/shared/50dc6c495c0c9188",
        port=443,
        protocol="HTTPS",
        sslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        defaultActions=[
            {
                "type": "fixed-response",
                "fixedResponse": {"contentType": "text/plain", "statusCode": "404"},
            }
        ],
    )
    targets = s.add(
        "lb.TargetGroup",
        "guest",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        deregistrationDelay=30,
        healthCheck={"path": "/healthz", "interval": 15, "unhealthyThreshold": 2},
        stickiness={
            "type": "app_cookie",
            "cookieName": "JSESSIONID",
            "enabled": True,
            "cookieDuration": 259200,
        },
    )
    s.add(
        "lb.ListenerRule",
        "guest",
        listenerArn=listener.arn,
        priority=50,
        actions=[{"type": "forward", "targetGroupArn": targets.arn}],
        conditions=[{"hostHeader": {"values": ["guest.example.com"]}}],
    )
    inside = security_group(
        s,
        "guest",
        net,
        [
            {
                "protocol": "tcp",
                "fromPort": 8080,
                "toPort": 8080,
                "securityGroups": ["sg-0f41c2b7708d9eab1"],
            }
        ],
    )
    fleet = group(
        s,
        "guest",
        net,
        template(s, "guest", [inside.id]),
        instanceRefresh={"strategy": "Rolling", "preferences": {"minHealthyPercentage": 0}},
    )
    s.add(
        "autoscaling.Attachment",
        "guest",
        autoscalingGroupName=fleet.name_,
        lbTargetGroupArn=targets.arn,
    )
    track_cpu(s, "guest-cpu", fleet, enabled=False)
    paging = Paging(s)
    own = {"LoadBalancer": "app/shared/50dc6c495c0c9188", "TargetGroup": targets.arnSuffix}
    paging.alarm("guest-5xx", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", own)
    paging.alarm(
        "guest-slow",
        "AWS/ApplicationELB",
        "TargetResponseTime",
        own,
        statistic="Average",
        threshold=2,
        alarmActions=None,
    )


@stack(
    "tug-of-war",
    "Two policies on one group, from two teams",
    after="public Terraform projects with target tracking beside CPU alarms",
    scaler="target tracking and step scaling",
    faults=(
        Fault(
            "auction-in",
            "stepAdjustments.scalingAdjustment",
            "policies-fight",
            ("auction-cpu-low", "auction"),
        ),
        Fault(
            "auction-requests",
            "targetTrackingConfiguration.targetValue",
            "target-too-high",
            ("auction",),
        ),
        Fault(
            "auction-db@rds.ParameterGroup",
            "parameters.max_connections",
            "connections-exhausted",
            ("auction-db", "auction"),
        ),
    ),
)
def tug_of_war(s: Stack) -> None:
    net, front, inside, _, fleet, paging = web(s, "auction", Network(s), fleet={"maxSize": 100})
    track_requests(s, "auction-requests", fleet, front, 250000)
    track_cpu(s, "auction-cpu", fleet, 45.0)
    back = steps(
        s, "auction-in", fleet, [{"metricIntervalUpperBound": "0", "scalingAdjustment": -5}]
    )
    cpu_alarm(
        paging,
        "auction-cpu-low",
        fleet,
        back,
        over=60,
        comparisonOperator="LessThanThreshold",
        evaluationPeriods=2,
    )
    limits = s.add(
        "rds.ParameterGroup",
        "auction-db",
        family="postgres16",
        parameters=[{"name": "max_connections", "value": "100", "applyMethod": "pending-reboot"}],
    )
    database = postgres(
        s, "auction-db", net, inside, instanceClass="db.m7g.large", parameterGroupName=limits.name_
    )
    paging.alarm(
        "auction-db-cpu",
        "AWS/RDS",
        "CPUUtilization",
        {"DBInstanceIdentifier": database.identifier},
        statistic="Average",
        threshold=80,
    )


@stack(
    "thin-serverless",
    "Fargate tasks with a database that cannot grow, before the first update",
    after="mitodl fargate_service.py; terraform-aws-rds-aurora serverless examples",
    scaler="nobody",
    form="create",
    faults=(
        Fault("notes@ecs.Service", "desiredCount", "tasks-do-not-scale"),
        Fault(
            "notes-data@rds.Cluster",
            "serverlessv2ScalingConfiguration.maxCapacity",
            "database-cannot-grow",
        ),
        Fault("notes-data-0", "clusterIdentifier", "one-zone-database", ("notes-data",)),
        Fault("notes@ecs.Service", "networkConfiguration.subnets", "one-zone-group"),
        Fault("notes-https", "sslPolicy", "old-tls"),
    ),
)
def thin_serverless(s: Stack) -> None:
    net = Network(s)
    front = Front(
        s,
        "notes",
        net,
        targets={"targetType": "ip"},
        https={"sslPolicy": "ELBSecurityPolicy-2016-08"},
    )
    inside = security_group(s, "notes", net, open_from(front.group, 8080))
    cluster = s.add("ecs.Cluster", "notes")
    ecs_service(
        s,
        "notes",
        cluster,
        front,
        desiredCount=2,
        networkMode="awsvpc",
        compatible=["FARGATE"],
        launchType="FARGATE",
        networkConfiguration={"subnets": [net.private[0].id], "securityGroups": [inside.id]},
    )
    aurora(
        s,
        "notes-data",
        net,
        inside,
        instances=1,
        engine="aurora-postgresql",
        engineVersion="16.4",
        serverlessv2ScalingConfiguration={"minCapacity": 0.5, "maxCapacity": 1},
        member={"instanceClass": "db.serverless"},
    )
    Paging(s).for_front("notes", front)


@stack(
    "worker-pool",
    "A render pool with a web front, every size fixed by hand",
    after="telia-oss/terraform-aws-asg, basic example; warm pool modules",
    scaler="target tracking",
    version=6,
    region="us-east-2",
    faults=(
        Fault("pool@autoscaling.Group", "healthCheckGracePeriod", "grace-too-short"),
        Fault("pool-cpu", "estimatedInstanceWarmup", "warmup-too-long"),
        Fault(
            "pool@ec2.LaunchTemplate",
            "instanceMarketOptions.marketType",
            "no-on-demand-base",
            ("pool",),
        ),
        Fault("pool-db@rds.Instance", "storageEncrypted", "unencrypted-database"),
        Fault("pool-db@rds.Instance", "deletionProtection", "deletable-database"),
    ),
)
def worker_pool(s: Stack) -> None:
    net, _, inside, _, fleet, paging = web(
        s,
        "pool",
        Network(s),
        made={"instanceMarketOptions": {"marketType": "spot"}},
        fleet={"healthCheckGracePeriod": 10, "defaultInstanceWarmup": None},
    )
    track_cpu(s, "pool-cpu", fleet, estimatedInstanceWarmup=1800)
    database = postgres(s, "pool-db", net, inside, storageEncrypted=None, deletionProtection=None)
    paging.for_database("pool-db", database)


@stack(
    "api-change",
    "A change of a target group and a policy of a deployed API",
    after="pulumi preview --json --show-sames",
    scaler="target tracking",
    form="change",
    version=6,
    faults=(
        Fault("rates@autoscaling.Group", "suspendedProcesses", "suspended-process"),
        Fault(
            "rates-cpu", "targetTrackingConfiguration.targetValue", "target-too-high", ("rates",)
        ),
        Fault("rates@lb.TargetGroup", "healthCheck.unhealthyThreshold", "check-too-slow"),
        Fault("rates-https", "sslPolicy", "old-tls"),
    ),
)
def api_change(s: Stack) -> dict:
    *_, fleet, _ = web(s, "rates")
    track_cpu(s, "rates-cpu", fleet)
    return {
        "rates@autoscaling.Group": {"suspendedProcesses": ["Launch", "HealthCheck"]},
        "rates-cpu": {
            "targetTrackingConfiguration": {
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "ASGAverageCPUUtilization"
                },
                "targetValue": 95.0,
            }
        },
        "rates@lb.TargetGroup": {
            "healthCheck": {
                "path": "/healthz",
                "interval": 120,
                "timeout": 60,
                "healthyThreshold": 2,
                "unhealthyThreshold": 8,
                "matcher": "200",
            }
        },
        "rates-https": {"sslPolicy": "ELBSecurityPolicy-2015-05"},
    }
