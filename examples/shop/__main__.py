"""A shop: its own network, and surgeproof's load balancer, group, scaling policies and alarms."""

import pulumi
import pulumi_aws as aws

from surgeproof.components import (
    Alarms,
    AutoScalingGroup,
    LoadBalancer,
    Notifications,
    ScalingPolicies,
    rollback_alarm_names,
)

MIN_SIZE, MAX_SIZE = 4, 12
config = pulumi.Config()
capacity = config.require_object("service")["requestsPerSecond"]

zones = aws.get_availability_zones(state="available").names[:2]
vpc = aws.ec2.Vpc("shop", cidr_block="10.20.0.0/16", enable_dns_hostnames=True)
gateway = aws.ec2.InternetGateway("shop", vpc_id=vpc.id)
routes = aws.ec2.RouteTable("shop", vpc_id=vpc.id)
aws.ec2.Route(
    "shop",
    route_table_id=routes.id,
    destination_cidr_block="0.0.0.0/0",
    gateway_id=gateway.id,
)
subnets = []
for number, zone in enumerate(zones):
    subnet = aws.ec2.Subnet(
        f"shop-{number}",
        vpc_id=vpc.id,
        cidr_block=f"10.20.{number}.0/24",
        availability_zone=zone,
        map_public_ip_on_launch=True,
    )
    aws.ec2.RouteTableAssociation(f"shop-{number}", subnet_id=subnet.id, route_table_id=routes.id)
    subnets.append(subnet.id)

notifications = Notifications(
    "shop",
    {"subscriptions": [{"severity": "page", "protocol": "email", "endpoint": "on-call@shop.test"}]},
)
load_balancer = LoadBalancer(
    "shop",
    {
        "vpc_id": vpc.id,
        "subnet_ids": subnets,
        "target_port": 8080,
        "health_check_path": "/health",
        "domain": config.require("domain"),
        "hosted_zone_id": config.require("hostedZoneId"),
        "deletion_protection": False,
        "log_bucket_force_destroy": True,
    },
)
group = AutoScalingGroup(
    "shop",
    {
        "vpc_id": vpc.id,
        "subnet_ids": subnets,
        "target_group_arn": load_balancer.target_group_arn,
        "load_balancer_security_group_id": load_balancer.security_group_id,
        "min_size": MIN_SIZE,
        "max_size": MAX_SIZE,
        "instance_types": ["m7g.large", "m6g.large"],
        "alarm_names": rollback_alarm_names("shop"),
        "wait_for_capacity_minutes": 0,
    },
)
ScalingPolicies(
    "shop",
    {
        "group_name": group.name,
        "resource_label": load_balancer.resource_label,
        "load_balancer_arn_suffix": load_balancer.arn_suffix,
        "target_group_arn_suffix": load_balancer.target_group_arn_suffix,
        "requests_per_second_per_instance": capacity,
    },
)
Alarms(
    "shop",
    {
        "load_balancer_arn_suffix": load_balancer.arn_suffix,
        "target_group_arn_suffix": load_balancer.target_group_arn_suffix,
        "group_name": group.name,
        "min_size": MIN_SIZE,
        "max_size": MAX_SIZE,
        "requests_per_second_per_instance": capacity,
        "page_topic_arn": notifications.page_topic_arn,
        "page_topic_name": notifications.page_topic_name,
        "ticket_topic_arn": notifications.ticket_topic_arn,
        "ticket_topic_name": notifications.ticket_topic_name,
        "info_topic_arn": notifications.info_topic_arn,
        "escalation_topic_name": notifications.escalation_topic_name,
    },
)
pulumi.export("url", pulumi.Output.concat("https://", config.require("domain")))
