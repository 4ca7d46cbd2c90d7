"""Stacks in which a good engineer finds nothing that must stop a deployment."""

import json

from tests.corpus.build import Secret, Stack, text, user_data
from tests.corpus.manifest import stack
from tests.corpus.parts import (
    AMI,
    EVERYWHERE,
    Elsewhere,
    Front,
    Network,
    Paging,
    aurora,
    group,
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


@stack(
    "catalogue",
    "A shop's catalogue on EC2 with PostgreSQL",
    after="terraform-aws-modules/terraform-aws-autoscaling, examples/complete",
    scaler="target tracking",
)
def catalogue(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "web", net)
    inside = security_group(s, "web", net, open_from(front.group, 8080))
    profile = role(s, "web")
    made_of = template(s, "web", [inside.id], iamInstanceProfile={"arn": profile.arn})
    web = group(
        s,
        "web",
        net,
        made_of,
        targetGroupArns=[front.targets.arn],
        enabledMetrics=["GroupInServiceInstances", "GroupDesiredCapacity"],
        instanceRefresh={
            "strategy": "Rolling",
            "preferences": {"minHealthyPercentage": 90, "autoRollback": True},
        },
    )
    track_cpu(s, "web-cpu", web)
    track_requests(s, "web-requests", web, front, 900)
    database = postgres(s, "catalogue", net, inside)
    paging = Paging(s)
    paging.for_front("web", front)
    paging.for_database("catalogue", database)


@stack(
    "courseware",
    "A learning platform whose group is a component resource",
    after="mitodl/ol-infrastructure, components/aws/auto_scale_group.py",
    scaler="target tracking",
    version=6,
    region="us-east-1",
)
def courseware(s: Stack) -> None:
    net = Elsewhere()
    whole = s.add("ol:infrastructure:aws:auto_scale_group:OLAutoScaleGroup", "edxapp-web")
    data = s.add("ol:infrastructure:aws:database:OLAmazonDB", "edxapp-mysql")
    front = Front(s, "edxapp-web", net, port=8000, parent=whole)
    inside = security_group(s, "edxapp-web", net, open_from(front.group, 8000), parent=whole)
    made_of = template(
        s, "edxapp-web-lt", [inside.id], instanceType="c6i.xlarge", keyName=None, parent=whole
    )
    web = group(
        s,
        "edxapp-web-asg",
        net,
        made_of,
        parent=whole,
        minSize=6,
        maxSize=30,
        desiredCapacity=9,
        healthCheckGracePeriod=300,
        targetGroupArns=[front.targets.arn],
        instanceRefresh={
            "strategy": "Rolling",
            "preferences": {"minHealthyPercentage": 75, "instanceWarmup": "300"},
            "triggers": ["tag"],
        },
    )
    track_cpu(s, "edxapp-web-cpu", web, 55.0, parent=whole)
    database = postgres(
        s,
        "edxapp-mysql",
        net,
        inside,
        parent=data,
        engine="mysql",
        engineVersion="8.0.40",
        outputs={"port": 3306, "storageEncrypted": True},
    )
    paging = Paging(s, "devops", subscription={"protocol": "email", "endpoint": "ops@example.org"})
    paging.for_front("edxapp", front)
    paging.for_database("edxapp", database)


@stack(
    "checkout-fleet",
    "A fleet alone; network, entrance and monitoring are stacks of other teams",
    after="telia-oss/terraform-aws-asg, examples/complete",
    scaler="target tracking",
)
def checkout_fleet(s: Stack) -> None:
    net = Elsewhere()
    s.add(
        "pulumi:pulumi:StackReference",
        "acme/edge/prod",
        external=True,
        name_="acme/edge/prod",
        outputs={"name": "acme/edge/prod", "outputs": {"targetGroup": "tg"}},
    )
    targets = (
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/checkout/8d3b7a51fd0e22c9"
    )
    inside = security_group(
        s,
        "checkout",
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
    profile = role(s, "checkout", "AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy")
    made_of = template(s, "checkout", [inside.id], iamInstanceProfile={"name": profile.name_})
    web = group(s, "checkout", net, made_of, targetGroupArns=[targets], minSize=6, maxSize=48)
    track_cpu(s, "checkout-cpu", web, 45.0)


@stack(
    "orders-ecs",
    "Containers on EC2 that capacity providers scale, part of it Spot",
    after="terraform-aws-modules/terraform-aws-ecs, examples/ec2-autoscaling",
    scaler="ECS managed scaling",
)
def orders_ecs(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "orders", net)
    inside = security_group(
        s,
        "orders-nodes",
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
    profile = role(s, "orders-nodes", "service-role/AmazonEC2ContainerServiceforEC2Role")
    cluster = s.add(
        "ecs.Cluster", "orders", settings=[{"name": "containerInsights", "value": "enabled"}]
    )
    boot = user_data("echo ECS_CLUSTER=orders >> /etc/ecs/ecs.config")
    made_of = template(
        s, "nodes", [inside.id], iamInstanceProfile={"arn": profile.arn}, userData=boot
    )
    tag = [{"key": "AmazonECSManaged", "value": "true", "propagateAtLaunch": True}]
    common = {"healthCheckType": "EC2", "protectFromScaleIn": True, "tags": tag}
    steady = group(s, "on-demand", net, made_of, minSize=3, maxSize=30, **common)
    spot = group(
        s,
        "spot",
        net,
        None,
        minSize=0,
        maxSize=60,
        desiredCapacity=2,
        capacityRebalance=True,
        mixedInstancesPolicy=mixed(
            made_of, "m7g.large", "m6g.large", "c7g.xlarge", "r7g.large", base=0, above=0
        ),
        **common,
    )
    providers = []
    for of, size in ((steady, 10), (spot, 20)):
        providers.append(
            s.add(
                "ecs.CapacityProvider",
                of.name,
                autoScalingGroupProvider={
                    "autoScalingGroupArn": of.arn,
                    "managedTerminationProtection": "ENABLED",
                    "managedDraining": "ENABLED",
                    "managedScaling": {
                        "status": "ENABLED",
                        "targetCapacity": 80,
                        "minimumScalingStepSize": 1,
                        "maximumScalingStepSize": size,
                    },
                },
            )
        )
    s.add(
        "ecs.ClusterCapacityProviders",
        "orders",
        clusterName=cluster.name_,
        capacityProviders=[each.name_ for each in providers],
        defaultCapacityProviderStrategies=[
            {"capacityProvider": providers[0].name_, "base": 6, "weight": 1},
            {"capacityProvider": providers[1].name_, "weight": 2},
        ],
    )
    service = ecs_service(s, "orders", cluster, front)
    tasks_scale(s, "orders", cluster, service, 6, 120)
    paging = Paging(s)
    paging.for_front("orders", front)


def ecs_service(s: Stack, name: str, cluster, front: Front, **more):
    task = s.add(
        "ecs.TaskDefinition",
        name,
        family=name,
        networkMode=more.pop("networkMode", "bridge"),
        requiresCompatibilities=more.pop("compatible", ["EC2"]),
        cpu="512",
        memory="1024",
        containerDefinitions=json.dumps(
            [
                {
                    "name": "app",
                    "image": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{name}:4f2a",
                    "essential": True,
                    "portMappings": [{"containerPort": 8080, "hostPort": 0}],
                }
            ]
        ),
    )
    return s.add(
        "ecs.Service",
        name,
        **{
            "cluster": cluster.arn,
            "taskDefinition": task.arn,
            "desiredCount": 12,
            "healthCheckGracePeriodSeconds": 90,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "loadBalancers": [
                {
                    "targetGroupArn": front.targets.arn,
                    "containerName": "app",
                    "containerPort": 8080,
                }
            ],
        }
        | more,
    )


def tasks_scale(s: Stack, name: str, cluster, service, least: int, most: int) -> None:
    target = s.add(
        "appautoscaling.Target",
        name,
        minCapacity=least,
        maxCapacity=most,
        resourceId=text("service/", cluster.name_, "/", service.name_),
        scalableDimension="ecs:service:DesiredCount",
        serviceNamespace="ecs",
    )
    s.add(
        "appautoscaling.Policy",
        f"{name}-cpu",
        policyType="TargetTrackingScaling",
        resourceId=target.resourceId,
        scalableDimension=target.scalableDimension,
        serviceNamespace=target.serviceNamespace,
        targetTrackingScalingPolicyConfiguration={
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
            "targetValue": 55,
            "scaleInCooldown": 300,
            "scaleOutCooldown": 30,
        },
    )


def eks(s: Stack, name: str, net, **more):
    made = s.add(
        "iam.Role",
        f"{name}-cluster",
        assumeRolePolicy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":'
        '{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
    )
    return s.add(
        "eks.Cluster",
        name,
        **{
            "roleArn": made.arn,
            "version": "1.31",
            "enabledClusterLogTypes": ["api", "audit", "authenticator"],
            "vpcConfig": {
                "subnetIds": net.ids("private"),
                "endpointPrivateAccess": True,
                "endpointPublicAccess": False,
            },
        }
        | more,
    )


def nodes(s: Stack, name: str, net, cluster, profile, **more):
    return s.add(
        "eks.NodeGroup",
        name,
        **{
            "clusterName": cluster.name_,
            "nodeRoleArn": profile.arn,
            "subnetIds": net.ids("private"),
            "scalingConfig": {"minSize": 3, "maxSize": 30, "desiredSize": 4},
            "instanceTypes": ["m7i.xlarge"],
            "updateConfig": {"maxUnavailablePercentage": 20},
        }
        | more,
    )


@stack(
    "platform-eks",
    "A Kubernetes platform with managed node groups",
    after="terraform-aws-modules/terraform-aws-eks, examples/eks-managed-node-group",
    scaler="Kubernetes cluster autoscaler",
)
def platform_eks(s: Stack) -> None:
    net = Network(s, "platform")
    cluster = eks(s, "platform", net)
    profile = s.add(
        "iam.Role",
        "platform-nodes",
        assumeRolePolicy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":'
        '{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
    )
    for policy in (
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryReadOnly",
    ):
        s.add(
            "iam.RolePolicyAttachment",
            policy,
            role=profile.name_,
            policyArn=f"arn:aws:iam::aws:policy/{policy}",
        )
    nodes(s, "system", net, cluster, profile)
    nodes(
        s,
        "burst",
        net,
        cluster,
        profile,
        capacityType="SPOT",
        instanceTypes=["m7i.xlarge", "m6i.xlarge", "m6a.xlarge", "m5.xlarge", "m5a.xlarge"],
        scalingConfig={"minSize": 0, "maxSize": 80, "desiredSize": 2},
    )
    s.add("eks.Addon", "vpc-cni", clusterName=cluster.name_, addonName="vpc-cni")


@stack(
    "magazine",
    "A magazine on WordPress with Aurora, a cache and a shared file system",
    after="widdix/aws-cf-templates, wordpress/wordpress-ha-aurora.yaml",
    scaler="target tracking",
)
def magazine(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "blog", net, port=80)
    inside = security_group(s, "blog", net, open_from(front.group, 80))
    files = s.add("efs.FileSystem", "uploads", encrypted=True, throughputMode="elastic")
    reach = security_group(s, "uploads", net, open_from(inside, 2049))
    for index, subnet in enumerate(net.private):
        s.add(
            "efs.MountTarget",
            f"uploads-{index}",
            fileSystemId=files.id,
            subnetId=subnet.id,
            securityGroups=[reach.id],
        )
    made_of = template(
        s,
        "blog",
        [inside.id],
        userData=user_data("mount -t efs fs-0c52b8d1f6a7e9034:/ /var/www/uploads"),
    )
    web = group(s, "blog", net, made_of, targetGroupArns=[front.targets.arn], maxSize=20)
    track_cpu(s, "blog-cpu", web, 50.0)
    cluster = aurora(s, "blog", net, inside)
    redis(s, "blog-cache", net, inside)
    paging = Paging(s)
    paging.for_front("blog", front)
    paging.alarm(
        "blog-db-cpu",
        "AWS/RDS",
        "CPUUtilization",
        {"DBClusterIdentifier": cluster.clusterIdentifier},
        statistic="Average",
        threshold=80,
    )


@stack(
    "telemetry-broker",
    "A TCP broker behind a network load balancer, scaled in steps by connections",
    after="AWS documentation, scaling on a custom metric; public MQTT broker modules",
    scaler="step scaling",
)
def telemetry_broker(s: Stack) -> None:
    net = Network(s)
    inside = security_group(s, "broker", net, open_to(8883))
    balancer = s.add(
        "lb.LoadBalancer",
        "broker",
        loadBalancerType="network",
        subnets=net.ids("public"),
        enableCrossZoneLoadBalancing=True,
        enableDeletionProtection=True,
    )
    targets = s.add(
        "lb.TargetGroup",
        "broker",
        port=8883,
        protocol="TCP",
        vpcId=net.vpc.id,
        preserveClientIp="true",
        deregistrationDelay=120,
        healthCheck={
            "protocol": "TCP",
            "interval": 10,
            "healthyThreshold": 2,
            "unhealthyThreshold": 2,
            "path": "",
            "matcher": "",
        },
        stickiness={"enabled": False, "type": "source_ip"},
    )
    s.add(
        "lb.Listener",
        "broker",
        loadBalancerArn=balancer.arn,
        port=8883,
        protocol="TCP",
        defaultActions=[{"type": "forward", "targetGroupArn": targets.arn}],
    )
    made_of = template(s, "broker", [inside.id], instanceType="c7g.large")
    fleet = group(s, "broker", net, made_of, targetGroupArns=[targets.arn], minSize=3, maxSize=18)
    paging = Paging(s)
    steps = {"adjustmentType": "PercentChangeInCapacity", "policyType": "StepScaling"}
    up = s.add(
        "autoscaling.Policy",
        "broker-out",
        autoscalingGroupName=fleet.name_,
        minAdjustmentMagnitude=1,
        estimatedInstanceWarmup=90,
        metricAggregationType="Average",
        stepAdjustments=[
            {
                "metricIntervalLowerBound": "0",
                "metricIntervalUpperBound": "10000",
                "scalingAdjustment": 20,
            },
            {"metricIntervalLowerBound": "10000", "scalingAdjustment": 60},
        ],
        **steps,
    )
    down = s.add(
        "autoscaling.Policy",
        "broker-in",
        autoscalingGroupName=fleet.name_,
        metricAggregationType="Average",
        stepAdjustments=[{"metricIntervalUpperBound": "0", "scalingAdjustment": -10}],
        **steps,
    )
    own = {"AutoScalingGroupName": fleet.name_}
    common = {"statistic": "Average", "okActions": None}
    paging.alarm(
        "broker-connections-high",
        "Broker",
        "Connections",
        own,
        threshold=20000,
        evaluationPeriods=1,
        datapointsToAlarm=None,
        alarmActions=[up.arn],
        **common,
    )
    paging.alarm(
        "broker-connections-low",
        "Broker",
        "Connections",
        own,
        threshold=8000,
        evaluationPeriods=15,
        datapointsToAlarm=None,
        comparisonOperator="LessThanThreshold",
        alarmActions=[down.arn],
        **common,
    )
    paging.alarm(
        "broker-unhealthy",
        "AWS/NetworkELB",
        "HealthyHostCount",
        {"LoadBalancer": balancer.arnSuffix, "TargetGroup": targets.arnSuffix},
        statistic="Minimum",
        threshold=2,
        comparisonOperator="LessThanThreshold",
        treatMissingData="breaching",
    )


@stack(
    "render-api",
    "An API on mixed instances, Spot above an on-demand base",
    after="HENNGE/terraform-aws-autoscaling-mixed-instances",
    scaler="target tracking",
    version=6,
)
def render_api(s: Stack) -> None:
    net = Elsewhere()
    front = Front(
        s, "render", net, targets={"loadBalancingAlgorithmType": "least_outstanding_requests"}
    )
    inside = security_group(s, "render", net, open_from(front.group, 8080))
    made_of = template(s, "render", [inside.id], instanceType=None)
    fleet = group(
        s,
        "render",
        net,
        None,
        capacityRebalance=True,
        minSize=6,
        maxSize=60,
        targetGroupArns=[front.targets.arn],
        mixedInstancesPolicy=mixed(
            made_of, "c7i.xlarge", "c6i.xlarge", "c6a.xlarge", "m7i.xlarge", "m6i.xlarge", base=6
        ),
    )
    track_requests(s, "render-requests", fleet, front, 600)
    Paging(s).for_front("render", front)


def classic(s: Stack, name: str, net, entrance, **more):
    return s.add(
        "elb.LoadBalancer",
        name,
        **{
            "subnets": net.ids("public"),
            "securityGroups": [entrance.id],
            "crossZoneLoadBalancing": True,
            "connectionDraining": True,
            "connectionDrainingTimeout": 60,
            "listeners": [
                {
                    "instancePort": 80,
                    "instanceProtocol": "http",
                    "lbPort": 443,
                    "lbProtocol": "https",
                    "sslCertificateId": "arn:aws:acm:eu-west-1:123456789012:certificate/"
                    "6b1c9f0e-55d1-4f0e-9c2b-1d7c1f1b0a77",
                }
            ],
            "healthCheck": {
                "target": "HTTP:80/_healthcheck",
                "interval": 10,
                "timeout": 5,
                "healthyThreshold": 2,
                "unhealthyThreshold": 3,
            },
        }
        | more,
    )


@stack(
    "publishing",
    "A publishing service that never left classic load balancers and launch configurations",
    after="alphagov/govuk-aws, terraform/modules/aws/node_group",
    scaler="target tracking",
    version=6,
)
def publishing(s: Stack) -> None:
    net = Network(s)
    entrance = security_group(s, "publishing-elb", net, open_to(443))
    inside = security_group(s, "publishing", net, open_from(entrance, 80))
    balancer = classic(s, "publishing", net, entrance)
    made_of = s.add(
        "ec2.LaunchConfiguration",
        "publishing",
        imageId=AMI,
        instanceType="m5.large",
        securityGroups=[inside.id],
        enableMonitoring=True,
        metadataOptions={"httpTokens": "required"},
        rootBlockDevice={"volumeSize": 30, "encrypted": True},
    )
    fleet = group(
        s,
        "publishing",
        net,
        None,
        launchConfiguration=made_of.name_,
        loadBalancers=[balancer.name_],
        terminationPolicies=["OldestLaunchConfiguration", "Default"],
    )
    track_cpu(s, "publishing-cpu", fleet, 50.0)
    paging = Paging(s)
    own = {"LoadBalancerName": balancer.name_}
    paging.alarm("publishing-5xx", "AWS/ELB", "HTTPCode_Backend_5XX", own)
    paging.alarm("publishing-elb-5xx", "AWS/ELB", "HTTPCode_ELB_5XX", own)
    paging.alarm("publishing-spillover", "AWS/ELB", "SpilloverCount", own, threshold=0)
    paging.alarm(
        "publishing-healthy",
        "AWS/ELB",
        "HealthyHostCount",
        own,
        statistic="Minimum",
        threshold=2,
        comparisonOperator="LessThanThreshold",
        treatMissingData="breaching",
    )


def region(s: Stack, name: str, *, scaled: bool = True, cidr: str = "10.30", policy=None):
    """Add one Region's half of a service; return its group and entrance."""
    there = s.add("pulumi:providers:aws", name, region=name)
    net = Network(s, name, provider=there, cidr=cidr, zones="ab")
    front = Front(s, f"api-{name}", net, provider=there, logs=False)
    inside = security_group(s, f"api-{name}", net, open_from(front.group, 8080), provider=there)
    made_of = template(s, f"api-{name}", [inside.id], provider=there)
    fleet = group(
        s, f"api-{name}", net, made_of, provider=there, targetGroupArns=[front.targets.arn]
    )
    if scaled:
        track_cpu(s, f"api-{name}-cpu", fleet, 45.0, provider=there)
    paging = Paging(s, f"oncall-{name}", provider=there)
    paging.for_front(f"api-{name}", front)
    return there, fleet, front


@stack(
    "two-regions",
    "An API in two Regions, each with its own fleet, chosen by DNS",
    after="AWS Well-Architected multi-Region examples; pulumi/examples with two providers",
    scaler="target tracking",
)
def two_regions(s: Stack) -> None:
    for name, role_, cidr in (
        ("eu-west-1", "PRIMARY", "10.30"),
        ("eu-central-1", "SECONDARY", "10.40"),
    ):
        _, _, front = region(s, name, cidr=cidr)
        check = s.add(
            "route53.HealthCheck",
            name,
            type_="HTTPS",
            fqdn=front.balancer.dnsName,
            port=443,
            resourcePath="/healthz",
            requestInterval=10,
            failureThreshold=2,
        )
        s.add(
            "route53.Record",
            f"api-{name}",
            zoneId="Z0123456ABCDEF",
            name_="api.example.com",
            type_="A",
            setIdentifier=name,
            healthCheckId=check.id,
            failoverRoutingPolicies=[{"type": role_}],
            aliases=[
                {
                    "name": front.balancer.dnsName,
                    "zoneId": front.balancer.zoneId,
                    "evaluateTargetHealth": True,
                }
            ],
        )


@stack(
    "identity",
    "A sign-in service whose hosts are recycled on a schedule",
    after="18F/identity-terraform, asg_recycle",
    scaler="target tracking and scheduled actions",
    region="us-west-2",
)
def identity(s: Stack) -> None:
    net = Network(s, "identity")
    front = Front(
        s, "idp", net, port=8443, targets={"protocol": "HTTPS"}, check={"protocol": "HTTPS"}
    )
    inside = security_group(s, "idp", net, open_from(front.group, 8443))
    made_of = template(s, "idp", [inside.id])
    fleet = group(
        s,
        "idp",
        net,
        made_of,
        minSize=6,
        maxSize=36,
        desiredCapacity=9,
        targetGroupArns=[front.targets.arn],
        healthCheckGracePeriod=420,
        initialLifecycleHooks=[
            {
                "name": "main",
                "lifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
                "heartbeatTimeout": 300,
                "defaultResult": "ABANDON",
            }
        ],
    )
    track_cpu(s, "idp-cpu", fleet, 40.0)
    for when, wanted, name in (
        ("0 5,11,17,23 * * *", 18, "spinup"),
        ("15 5,11,17,23 * * *", 9, "spindown"),
    ):
        s.add(
            "autoscaling.Schedule",
            f"recycle-{name}",
            scheduledActionName=f"recycle.{name}",
            autoscalingGroupName=fleet.name_,
            recurrence=when,
            minSize=6,
            maxSize=36,
            desiredCapacity=wanted,
            timeZone="America/New_York",
        )
    postgres(s, "idp", net, inside, instanceClass="db.r6g.2xlarge")
    paging = Paging(s)
    paging.for_front("idp", front)


@stack(
    "blue-green",
    "Two fleets behind one entrance; weights move users between them",
    after="AWS documentation, weighted target groups",
    scaler="target tracking",
)
def blue_green(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "blue", net, redirect=True)
    inside = security_group(s, "app", net, open_from(front.group, 8080))
    green = s.add(
        "lb.TargetGroup",
        "green",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        deregistrationDelay=60,
        healthCheck={"path": "/healthz", "interval": 10, "timeout": 5, "matcher": "200"},
    )
    s.add(
        "lb.ListenerRule",
        "weights",
        listenerArn=front.https.arn,
        priority=10,
        actions=[
            {
                "type": "forward",
                "forward": {
                    "targetGroups": [
                        {"arn": front.targets.arn, "weight": 90},
                        {"arn": green.arn, "weight": 10},
                    ]
                },
            }
        ],
        conditions=[{"pathPattern": {"values": ["/*"]}}],
    )
    for name, targets in (("blue", front.targets), ("green", green)):
        made_of = template(s, name, [inside.id])
        fleet = group(s, name, net, made_of, targetGroupArns=[targets.arn])
        track_cpu(s, f"{name}-cpu", fleet, 50.0)
    paging = Paging(s)
    paging.for_front("app", front)


@stack(
    "image-workers",
    "Workers that a queue feeds; no load balancer",
    after="AWS documentation, scaling based on Amazon SQS",
    scaler="target tracking of a metric of its own",
)
def image_workers(s: Stack) -> None:
    net = Network(s, nat="one", zones="ab")
    dead = s.add("sqs.Queue", "images-dead", messageRetentionSeconds=1209600)
    queue = s.add(
        "sqs.Queue",
        "images",
        visibilityTimeoutSeconds=300,
        redrivePolicy=text('{"deadLetterTargetArn":"', dead.arn, '","maxReceiveCount":5}'),
    )
    inside = security_group(s, "workers", net, [])
    made_of = template(s, "workers", [inside.id], instanceType="c7g.xlarge")
    fleet = group(s, "workers", net, made_of, healthCheckType="EC2", minSize=1, maxSize=40)
    s.add(
        "autoscaling.Policy",
        "backlog",
        autoscalingGroupName=fleet.name_,
        policyType="TargetTrackingScaling",
        targetTrackingConfiguration={
            "targetValue": 100,
            "customizedMetricSpecification": {
                "metrics": [
                    {
                        "id": "m1",
                        "returnData": False,
                        "metricStat": {
                            "stat": "Sum",
                            "metric": {
                                "namespace": "AWS/SQS",
                                "metricName": "ApproximateNumberOfMessagesVisible",
                                "dimensions": [{"name": "QueueName", "value": queue.name_}],
                            },
                        },
                    },
                    {
                        "id": "m2",
                        "returnData": False,
                        "metricStat": {
                            "stat": "Average",
                            "metric": {
                                "namespace": "AWS/AutoScaling",
                                "metricName": "GroupInServiceInstances",
                                "dimensions": [
                                    {"name": "AutoScalingGroupName", "value": fleet.name_}
                                ],
                            },
                        },
                    },
                    {"id": "e1", "expression": "m1 / m2", "returnData": True},
                ]
            },
        },
    )
    paging = Paging(s)
    paging.alarm(
        "images-old",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": queue.name_},
        statistic="Maximum",
        threshold=900,
    )
    paging.alarm(
        "images-dead",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": dead.name_},
        statistic="Maximum",
        threshold=0,
    )


@stack(
    "with-bastion",
    "A web service, and a bastion in a group of one that heals itself",
    after="widdix/aws-cf-templates, vpc/vpc-ssh-bastion.yaml",
    scaler="target tracking",
)
def with_bastion(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "site", net)
    jump = security_group(s, "bastion", net, [])
    group(
        s,
        "bastion",
        net,
        template(s, "bastion", [jump.id], instanceType="t4g.nano"),
        minSize=1,
        maxSize=1,
        desiredCapacity=1,
        healthCheckType="EC2",
    )
    inside = security_group(s, "site", net, [*open_from(front.group, 8080), *open_from(jump, 22)])
    fleet = group(
        s, "site", net, template(s, "site", [inside.id]), targetGroupArns=[front.targets.arn]
    )
    track_requests(s, "site-requests", fleet, front, 1200)
    database = postgres(s, "site", net, inside)
    paging = Paging(s)
    paging.for_front("site", front)
    paging.for_database("site", database)


@stack(
    "first-launch",
    "A start-up's first production stack, before its first update",
    after="pulumi/examples, aws-py-* with a load balancer and a group",
    scaler="target tracking",
    form="create",
)
def first_launch(s: Stack) -> None:
    net = Network(s, zones="ab")
    front = Front(s, "app", net)
    inside = security_group(s, "app", net, open_from(front.group, 8080))
    profile = role(s, "app")
    made_of = template(s, "app", [inside.id], iamInstanceProfile={"arn": profile.arn})
    fleet = group(
        s,
        "app",
        net,
        made_of,
        minSize=2,
        maxSize=12,
        desiredCapacity=2,
        targetGroupArns=[front.targets.arn],
    )
    track_cpu(s, "app-cpu", fleet)
    database = postgres(s, "app", net, inside, instanceClass="db.m7g.large")
    paging = Paging(s)
    paging.for_front("app", front)
    paging.for_database("app", database)


@stack(
    "raise-limits",
    "A change that raises the limits of a group before a campaign",
    after="pulumi preview --json of a fleet that is deployed",
    scaler="target tracking",
    form="change",
)
def raise_limits(s: Stack) -> dict:
    net = Elsewhere()
    front = Front(s, "promo", net)
    inside = security_group(s, "promo", net, open_from(front.group, 8080))
    fleet = group(
        s, "promo", net, template(s, "promo", [inside.id]), targetGroupArns=[front.targets.arn]
    )
    track_cpu(s, "promo-cpu", fleet)
    Paging(s).for_front("promo", front)
    return {"promo@autoscaling.Group": {"minSize": 12, "maxSize": 60}}


@stack(
    "native",
    "A web service by aws-native",
    after="pulumi/pulumi-aws-native, examples of Auto Scaling and Elastic Load Balancing",
    scaler="target tracking",
)
def native(s: Stack) -> None:
    net = Elsewhere()
    entrance = s.add(
        "aws-native:ec2:SecurityGroup",
        "entrance",
        groupDescription="HTTPS from everywhere",
        vpcId=net.vpc.id,
        securityGroupIngress=[
            {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIp": "0.0.0.0/0"}
        ],
        outputs={"groupId": "sg-0a77f3e1c2d9b8a41"},
    )
    inside = s.add(
        "aws-native:ec2:SecurityGroup",
        "inside",
        groupDescription="from the load balancer",
        vpcId=net.vpc.id,
        securityGroupIngress=[
            {
                "ipProtocol": "tcp",
                "fromPort": 8080,
                "toPort": 8080,
                "sourceSecurityGroupId": "sg-0a77f3e1c2d9b8a41",
            }
        ],
        outputs={"groupId": "sg-0c77f3e1c2d9b8a42"},
    )
    elb = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
    balancer = s.add(
        "aws-native:elasticloadbalancingv2:LoadBalancer",
        "web",
        type_="application",
        scheme="internet-facing",
        subnets=net.ids("public"),
        securityGroups=[entrance.groupId],
        loadBalancerAttributes=[
            {"key": "deletion_protection.enabled", "value": "true"},
            {"key": "routing.http.drop_invalid_header_fields.enabled", "value": "true"},
        ],
        outputs={
            "loadBalancerArn": elb + "loadbalancer/app/web-4a1b2c3/50dc6c495c0c9188",
            "loadBalancerFullName": "app/web-4a1b2c3/50dc6c495c0c9188",
        },
    )
    targets = s.add(
        "aws-native:elasticloadbalancingv2:TargetGroup",
        "web",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        healthCheckPath="/healthz",
        healthCheckIntervalSeconds=10,
        unhealthyThresholdCount=3,
        outputs={
            "targetGroupArn": elb + "targetgroup/web-4a1b2c3/73e2d6bc24d8a067",
            "targetGroupFullName": "targetgroup/web-4a1b2c3/73e2d6bc24d8a067",
        },
    )
    s.add(
        "aws-native:elasticloadbalancingv2:Listener",
        "web",
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
        "web",
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
        "web",
        minSize="4",
        maxSize="24",
        vpcZoneIdentifier=net.ids(),
        healthCheckType="ELB",
        healthCheckGracePeriod=180,
        defaultInstanceWarmup=120,
        targetGroupArns=[targets.targetGroupArn],
        launchTemplate={
            "launchTemplateId": made_of.launchTemplateId,
            "version": made_of.latestVersionNumber,
        },
        outputs={"autoScalingGroupName": "web-4a1b2c3"},
    )
    s.add(
        "aws-native:autoscaling:ScalingPolicy",
        "web-cpu",
        autoScalingGroupName=fleet.autoScalingGroupName,
        policyType="TargetTrackingScaling",
        targetTrackingConfiguration={
            "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
            "targetValue": 50,
        },
    )
    topic = s.add(
        "aws-native:sns:Topic",
        "oncall",
        subscription=[{"protocol": "email", "endpoint": "ops@example.com"}],
        outputs={"topicArn": "arn:aws:sns:eu-west-1:123456789012:oncall-4a1b2c3"},
    )
    s.add(
        "aws-native:cloudwatch:Alarm",
        "web-5xx",
        namespace="AWS/ApplicationELB",
        metricName="HTTPCode_Target_5XX_Count",
        dimensions=[{"name": "LoadBalancer", "value": balancer.loadBalancerFullName}],
        statistic="Sum",
        period=60,
        evaluationPeriods=3,
        threshold=25,
        comparisonOperator="GreaterThanThreshold",
        treatMissingData="notBreaching",
        alarmActions=[topic.topicArn],
    )


@stack(
    "tenant-service",
    "A service behind an entrance that others own and that is read by get()",
    after="pulumi/pulumi-aws, get of existing resources",
    scaler="target tracking",
)
def tenant_service(s: Stack) -> None:
    net = Elsewhere()
    elb = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
    balancer = s.add(
        "lb.LoadBalancer",
        "shared",
        external=True,
        name_="shared",
        subnets=net.ids("public"),
        enableDeletionProtection=True,
        securityGroups=["sg-0f41c2b7708d9eab1"],
        outputs={
            "arn": elb + "loadbalancer/app/shared/50dc6c495c0c9188",
            "arnSuffix": "app/shared/50dc6c495c0c9188",
        },
    )
    listener = s.add(
        "lb.Listener",
        "shared-https",
        external=True,
        loadBalancerArn=balancer.arn,
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
        "tenant",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        deregistrationDelay=30,
        healthCheck={"path": "/healthz", "interval": 15, "unhealthyThreshold": 2},
    )
    s.add(
        "lb.ListenerRule",
        "tenant",
        listenerArn=listener.arn,
        priority=120,
        actions=[{"type": "forward", "targetGroupArn": targets.arn}],
        conditions=[{"hostHeader": {"values": ["tenant.example.com"]}}],
    )
    inside = security_group(
        s,
        "tenant",
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
        s, "tenant", net, template(s, "tenant", [inside.id]), targetGroupArns=[targets.arn]
    )
    s.add(
        "autoscaling.Policy",
        "tenant-requests",
        autoscalingGroupName=fleet.name_,
        policyType="TargetTrackingScaling",
        targetTrackingConfiguration={
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ALBRequestCountPerTarget",
                "resourceLabel": text(balancer.arnSuffix, "/", targets.arnSuffix),
            },
            "targetValue": 800,
        },
    )
    paging = Paging(s, "tenant-team")
    paging.alarm(
        "tenant-5xx",
        "AWS/ApplicationELB",
        "HTTPCode_Target_5XX_Count",
        {"LoadBalancer": balancer.arnSuffix, "TargetGroup": targets.arnSuffix},
    )


@stack(
    "ticket-sale",
    "A ticket shop that knows its surges: a forecast, a warm pool, and target tracking",
    after="AWS documentation, predictive scaling and warm pools",
    scaler="predictive scaling and target tracking",
)
def ticket_sale(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "tickets", net)
    inside = security_group(s, "tickets", net, open_from(front.group, 8080))
    fleet = group(
        s,
        "tickets",
        net,
        template(s, "tickets", [inside.id]),
        minSize=9,
        maxSize=90,
        desiredCapacity=12,
        targetGroupArns=[front.targets.arn],
        warmPool={
            "poolState": "Stopped",
            "minSize": 12,
            "maxGroupPreparedCapacity": 40,
            "instanceReusePolicy": {"reuseOnScaleIn": True},
        },
    )
    track_requests(s, "tickets-requests", fleet, front, 500)
    s.add(
        "autoscaling.Policy",
        "tickets-forecast",
        autoscalingGroupName=fleet.name_,
        policyType="PredictiveScaling",
        predictiveScalingConfiguration={
            "mode": "ForecastAndScale",
            "schedulingBufferTime": "600",
            "metricSpecification": {
                "targetValue": 40,
                "predefinedMetricPairSpecification": {"predefinedMetricType": "ASGCPUUtilization"},
            },
        },
    )
    s.add(
        "autoscaling.Schedule",
        "friday-sale",
        scheduledActionName="friday-sale",
        autoscalingGroupName=fleet.name_,
        recurrence="30 9 * * 5",
        minSize=40,
        maxSize=90,
        desiredCapacity=40,
        timeZone="Europe/Berlin",
    )
    s.add(
        "autoscaling.Schedule",
        "friday-end",
        scheduledActionName="friday-end",
        autoscalingGroupName=fleet.name_,
        recurrence="0 12 * * 5",
        minSize=9,
        maxSize=90,
        desiredCapacity=-1,
        timeZone="Europe/Berlin",
    )
    aurora(s, "tickets", net, inside, instances=3, member={"instanceClass": "db.r6g.2xlarge"})
    web_acl(s, "tickets", front)
    Paging(s).for_front("tickets", front)


@stack(
    "serverless-database",
    "Fargate tasks with Aurora Serverless v2 behind RDS Proxy; no group of instances",
    after="aws-samples, Fargate with RDS Proxy; mitodl fargate_service.py",
    scaler="Application Auto Scaling of the service",
)
def serverless_database(s: Stack) -> None:
    net = Network(s)
    front = Front(s, "api", net, targets={"targetType": "ip"})
    inside = security_group(s, "api", net, open_from(front.group, 8080))
    cluster = s.add("ecs.Cluster", "api")
    service = ecs_service(
        s,
        "api",
        cluster,
        front,
        networkMode="awsvpc",
        compatible=["FARGATE"],
        launchType="FARGATE",
        networkConfiguration={"subnets": net.ids(), "securityGroups": [inside.id]},
    )
    tasks_scale(s, "api", cluster, service, 6, 80)
    data = aurora(
        s,
        "api",
        net,
        inside,
        engine="aurora-postgresql",
        engineVersion="16.4",
        serverlessv2ScalingConfiguration={"minCapacity": 2, "maxCapacity": 64},
        member={"instanceClass": "db.serverless"},
    )
    proxy = s.add(
        "rds.Proxy",
        "api",
        engineFamily="POSTGRESQL",
        requireTls=True,
        roleArn="arn:aws:iam::123456789012:role/api-proxy",
        vpcSubnetIds=net.ids(),
        auths=[
            {
                "authScheme": "SECRETS",
                "iamAuth": "REQUIRED",
                "secretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:api-db-x1Y2z3",
            }
        ],
    )
    targets = s.add(
        "rds.ProxyDefaultTargetGroup",
        "api",
        dbProxyName=proxy.name_,
        connectionPoolConfig={"maxConnectionsPercent": 90, "connectionBorrowTimeout": 30},
    )
    s.add(
        "rds.ProxyTarget",
        "api",
        dbProxyName=proxy.name_,
        targetGroupName=targets.name_,
        dbClusterIdentifier=data.id,
    )
    paging = Paging(s)
    paging.for_front("api", front)


@stack(
    "pricing-internal",
    "A service for other services of the VPC, behind an internal load balancer",
    after="babbel/terraform-aws-alb-for-vpc-internal-requests",
    scaler="step scaling",
    region="eu-central-1",
    version=6,
)
def pricing_internal(s: Stack) -> None:
    net = Elsewhere(zones=2)
    entrance = security_group(s, "pricing-lb", net, open_to(80, cidr="10.0.0.0/8"))
    balancer = s.add(
        "alb.LoadBalancer",
        "pricing",
        internal=True,
        subnets=net.ids("private"),
        securityGroups=[entrance.id],
        enableDeletionProtection=True,
        dropInvalidHeaderFields=True,
    )
    targets = s.add(
        "alb.TargetGroup",
        "pricing",
        port=8080,
        protocol="HTTP",
        vpcId=net.vpc.id,
        deregistrationDelay=30,
        healthCheck={"path": "/healthz", "interval": 10, "unhealthyThreshold": 2},
    )
    s.add(
        "alb.Listener",
        "pricing",
        loadBalancerArn=balancer.arn,
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "forward", "targetGroupArn": targets.arn}],
    )
    inside = security_group(s, "pricing", net, open_from(entrance, 8080))
    fleet = group(
        s,
        "pricing",
        net,
        template(s, "pricing", [inside.id]),
        minSize=4,
        maxSize=16,
        targetGroupArns=[targets.arn],
    )
    paging = Paging(s)
    for name, metric_op, limit, steps in (
        (
            "out",
            "GreaterThanOrEqualToThreshold",
            55,
            [
                {
                    "metricIntervalLowerBound": "0",
                    "metricIntervalUpperBound": "20",
                    "scalingAdjustment": 2,
                },
                {"metricIntervalLowerBound": "20", "scalingAdjustment": 6},
            ],
        ),
        (
            "in",
            "LessThanThreshold",
            25,
            [{"metricIntervalUpperBound": "0", "scalingAdjustment": -1}],
        ),
    ):
        policy = s.add(
            "autoscaling.Policy",
            f"pricing-{name}",
            autoscalingGroupName=fleet.name_,
            policyType="StepScaling",
            adjustmentType="ChangeInCapacity",
            metricAggregationType="Average",
            estimatedInstanceWarmup=120 if name == "out" else None,
            stepAdjustments=steps,
        )
        paging.alarm(
            f"pricing-cpu-{name}",
            "AWS/EC2",
            "CPUUtilization",
            {"AutoScalingGroupName": fleet.name_},
            statistic="Average",
            threshold=limit,
            comparisonOperator=metric_op,
            evaluationPeriods=1 if name == "out" else 15,
            datapointsToAlarm=None,
            alarmActions=[policy.arn],
            okActions=None,
        )
    paging.alarm(
        "pricing-5xx",
        "AWS/ApplicationELB",
        "HTTPCode_Target_5XX_Count",
        {"LoadBalancer": balancer.arnSuffix},
    )
    paging.alarm(
        "pricing-elb-5xx",
        "AWS/ApplicationELB",
        "HTTPCode_ELB_5XX_Count",
        {"LoadBalancer": balancer.arnSuffix},
    )


@stack(
    "attached-apart",
    "A web service whose rules and attachments are resources of their own",
    after="terraform-aws-modules/terraform-aws-autoscaling, traffic source attachments",
    scaler="target tracking",
    form="create",
)
def attached_apart(s: Stack) -> None:
    net = Network(s, zones="ab")
    front = Front(s, "portal", net)
    inside = s.add("ec2.SecurityGroup", "portal", vpcId=net.vpc.id, description="portal")
    s.add(
        "vpc.SecurityGroupIngressRule",
        "portal-from-lb",
        securityGroupId=inside.id,
        referencedSecurityGroupId=front.group.id,
        ipProtocol="tcp",
        fromPort=8080,
        toPort=8080,
    )
    s.add(
        "vpc.SecurityGroupEgressRule",
        "portal-out",
        securityGroupId=inside.id,
        cidrIpv4="0.0.0.0/0",
        ipProtocol="-1",
    )
    made_of = template(
        s,
        "portal",
        [],
        vpcSecurityGroupIds=None,
        networkInterfaces=[
            {"deviceIndex": 0, "securityGroups": [inside.id], "deleteOnTermination": "true"}
        ],
    )
    fleet = group(
        s,
        "portal",
        net,
        made_of,
        launchTemplate={"id": made_of.id, "version": made_of.latestVersion},
    )
    s.add(
        "autoscaling.TrafficSourceAttachment",
        "portal",
        autoscalingGroupName=fleet.name_,
        trafficSource={"identifier": front.targets.arn, "type": "elbv2"},
    )
    track_cpu(s, "portal-cpu", fleet, 45)
    Paging(s).for_front("portal", front)


@stack(
    "composite",
    "A service that calls somebody by composite alarms only",
    after="AWS documentation, composite alarms; public alarm modules",
    scaler="target tracking",
)
def composite(s: Stack) -> None:
    net = Elsewhere()
    front = Front(s, "bank", net)
    inside = security_group(s, "bank", net, open_from(front.group, 8080))
    fleet = group(
        s, "bank", net, template(s, "bank", [inside.id]), targetGroupArns=[front.targets.arn]
    )
    track_requests(s, "bank-requests", fleet, front, 700)
    paging = Paging(s)
    balancer = {"LoadBalancer": front.balancer.arnSuffix}
    quiet = {"alarmActions": None, "okActions": None}
    first = paging.alarm(
        "bank-5xx", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", balancer, **quiet
    )
    second = paging.alarm(
        "bank-elb-5xx", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", balancer, **quiet
    )
    third = paging.alarm(
        "bank-slow",
        "AWS/ApplicationELB",
        "TargetResponseTime",
        balancer,
        statistic=None,
        extendedStatistic="p99",
        threshold=2,
        **quiet,
    )
    s.add(
        "cloudwatch.CompositeAlarm",
        "bank-users-hurt",
        alarmName="bank-users-hurt",
        alarmRule=text(
            "ALARM(", first.name_, ") OR ALARM(", second.name_, ") OR ALARM(", third.name_, ")"
        ),
        alarmActions=[paging.topic.arn],
        okActions=[paging.topic.arn],
    )
    web_acl(s, "bank", front, limit=2000)


@stack(
    "sandbox",
    "A developer's copy, made to be thrown away",
    after="public Pulumi projects with a dev stack",
    scaler="target tracking",
    stack="dev",
)
def sandbox(s: Stack) -> None:
    net = Network(s, zones="ab", nat="one")
    front = Front(s, "app", net, balancer={"enableDeletionProtection": False}, logs=False)
    inside = security_group(s, "app", net, open_from(front.group, 8080))
    fleet = group(
        s,
        "app",
        net,
        template(s, "app", [inside.id], instanceType="t4g.small"),
        minSize=1,
        maxSize=3,
        desiredCapacity=1,
        targetGroupArns=[front.targets.arn],
    )
    track_cpu(s, "app-cpu", fleet, 60.0)
    postgres(
        s,
        "app",
        net,
        inside,
        instanceClass="db.t4g.micro",
        allocatedStorage=20,
        maxAllocatedStorage=None,
        multiAz=False,
        deletionProtection=False,
        skipFinalSnapshot=True,
        finalSnapshotIdentifier=None,
        backupRetentionPeriod=1,
    )


@stack(
    "preview-network",
    "A change to a network's tags in a stack that has a web service in it",
    after="pulumi preview --json of a stack with a component resource",
    scaler="target tracking",
    form="change",
    version=6,
)
def preview_network(s: Stack) -> dict:
    whole = s.add("acme:net:Vpc", "core")
    net = Network(s, "core", parent=whole)
    front = Front(s, "hub", net)
    inside = security_group(s, "hub", net, open_from(front.group, 8080), egress=EVERYWHERE)
    fleet = group(
        s, "hub", net, template(s, "hub", [inside.id]), targetGroupArns=[front.targets.arn]
    )
    track_cpu(s, "hub-cpu", fleet, 50.0)
    redis(s, "hub", net, inside)
    s.add("ssm.Parameter", "hub-token", type_="SecureString", value=Secret("t0ken"))
    Paging(s).for_front("hub", front)
    return {"core@ec2.Vpc": {"tags": {"Name": "core", "owner": "network"}}}
