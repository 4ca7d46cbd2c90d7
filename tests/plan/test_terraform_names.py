"""pulumi-aws's names of Terraform's types and properties, against the published schema."""

import json
from pathlib import Path

import pytest

from surgeproof.plan import _terraform_names as names
from surgeproof.plan import shapes
from surgeproof.plan._terraform_names import (
    FILE,
    in_engines_words,
    in_terraform_s_words,
    plural,
    property_of,
    token_of,
)
from surgeproof.policies import _types
from surgeproof.policies._coverage import ELSEWHERE
from tests.terraform.published import other_names

PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "terraform" / "published.json").read_text("utf-8")
)
ALIASES = {
    "aws:s3/bucketV2:BucketV2",
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
}
"""What pulumi-aws 6 called a type of Terraform that has one name."""

LACKING = {
    "aws_wafv2_web_acl.rule.action.monetize": "newer than pulumi-aws 7.51.1",
}
"""What pulumi-aws has no property for."""

SEVERAL = {
    "aws_ecs_service.service_connect_configuration.service.client_alias",
    "aws_route53_record.alias",
    *(
        f"aws_route53_record.{kind}_routing_policy"
        for kind in ("cidr", "failover", "geolocation", "geoproximity", "latency", "weighted")
    ),
}
"""Blocks of which the published schema has one, and pulumi-aws a list: both are read."""

FLAGS_AS_TEXTS = {
    "aws_elasticache_replication_group.at_rest_encryption_enabled",
    "aws_elasticache_replication_group.auto_minor_version_upgrade",
}
"""Flags that the provider has as texts, since they may be left open: either is read."""


def mapped():
    return [kind for kind in PUBLISHED["types"] if shapes.resource_shapes(token_of(kind))]


def test_every_type_that_is_read_has_a_name_in_the_schema():
    named = {token_of(kind) for kind in PUBLISHED["types"]}
    used = set().union(*(each for each in vars(_types).values() if isinstance(each, frozenset)))

    assert {shapes.current(token) for token in shapes.tokens() | used} - ALIASES - named == set()
    assert set(ELSEWHERE) - named == set()


@pytest.mark.parametrize("kind", mapped())
def test_every_property_has_a_place_of_its_kind(kind):
    wrong, lacking = [], []
    met = set()

    def walk(block, shape, where):
        for name, form in block.items():
            at = f"{where}.{name}"
            found = shape.get(property_of(token_of(kind), shape, name))
            if found is None:
                (lacking if at in LACKING or at == f"{kind}.id" else wrong).append((at, form, None))
                continue
            item = found[0] if isinstance(found, list) else found
            inside = shapes.block_shapes(item)
            if isinstance(form, str):
                fits = form in ("any", found) or (form == "map" and inside is not None)
                # The provider has a number as a text here; either is read.
                fits = fits or (form, found) == ("text", "number")
                fits = fits or at in FLAGS_AS_TEXTS
            elif form[1] in {"text", "number"}:
                fits = found == [form[1]]
            elif form[0] == "one":
                fits = inside is not None and (at in SEVERAL or not isinstance(found, list))
            else:  # lists of at most one are objects in pulumi-aws
                fits = inside is not None
            if not fits:
                wrong.append((at, form, found))
            if isinstance(form, list) and inside is not None and (form[1], item) not in met:
                met.add((form[1], item))
                walk(PUBLISHED["blocks"][form[1]], inside, at)

    walk(PUBLISHED["types"][kind], shapes.resource_shapes(token_of(kind)), kind)

    assert not wrong
    assert len(lacking) <= 2


@pytest.mark.parametrize(
    ("name", "many"),
    [
        ("policy", "policies"),
        ("query", "queries"),
        ("tag", "tags"),
        ("key", "keys"),
        ("address", "addresses"),
    ],
)
def test_plurals(name, many):
    assert plural(name) == many


@pytest.mark.parametrize(
    ("kind", "values", "read"),
    [
        (
            "aws_cloudwatch_metric_alarm",
            {"alarm_name": "a", "metric_query": [{"id": "m", "metric": [{"stat": "Sum"}]}]},
            {"name": "a", "metricQueries": [{"id": "m", "metric": {"stat": "Sum"}}]},
        ),
        ("aws_sns_topic_subscription", {"topic_arn": "t"}, {"topic": "t"}),
        ("aws_db_instance", {"name": "shop"}, {"dbName": "shop"}),
        ("aws_db_instance", {"db_name": "shop"}, {"dbName": "shop"}),
        (
            "aws_autoscaling_attachment",
            {"alb_target_group_arn": "arn:1"},
            {"lbTargetGroupArn": "arn:1"},
        ),
        ("aws_autoscaling_group", {"warm_pool": [], "placement_group": ""}, {}),
        (
            "aws_autoscaling_group",
            {"tag": [{"key": "a_b", "value": "c", "propagate_at_launch": True}]},
            {"tags": [{"key": "a_b", "value": "c", "propagateAtLaunch": True}]},
        ),
        ("aws_sns_topic", {"tags": {"cost_center": "7"}}, {"tags": {"cost_center": "7"}}),
    ],
)
def test_values_in_the_engine_s_words(kind, values, read):
    assert in_engines_words(token_of(kind), values) == read


@pytest.mark.parametrize(
    ("kind", "path", "called"),
    [
        ("aws_lb", "dropInvalidHeaderFields", "drop_invalid_header_fields"),
        ("aws_lb", "accessLogs.bucket", "access_logs.bucket"),
        (
            "aws_autoscaling_policy",
            "stepAdjustments[0].scalingAdjustment",
            "step_adjustment[0].scaling_adjustment",
        ),
        ("aws_alb_listener", "defaultActions[1].type", "default_action[1].type"),
        ("aws_cloudwatch_metric_alarm", "name", "alarm_name"),
        ("aws_db_instance", "dbName", "db_name"),
    ],
)
def test_properties_in_terraform_s_words(kind, path, called):
    assert in_terraform_s_words(token_of(kind), path) == called


def test_the_table_of_names_is_current():
    assert FILE.read_text("utf-8") == other_names()


def test_what_nothing_reads_has_no_name():
    assert token_of("aws_iam_user") is None


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", "aws_lb"),
        ("aws:lb/listener:Listener", "aws_lb_listener"),
        ("aws:rds/instance:Instance", "aws_db_instance"),
        ("aws:rds/cluster:Cluster", "aws_rds_cluster"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "aws_launch_template"),
        ("aws:acm/certificate:Certificate", "aws_acm_certificate"),
        ("aws:rds/proxy:Proxy", None),
    ],
)
def test_a_type_has_terraform_s_name(token, kind):
    assert names.kind_of(token) == kind


def test_a_text_has_terraform_s_names_of_types_properties_and_flags():
    said = names.text_in_terraform_s_words(
        "aws:autoscaling/policy:Policy",
        "`stepAdjustments[0].scalingAdjustment` must be above `minSize`, not `notBreaching`. Set "
        "enabled=True on the aws.autoscaling.Policy, or `fleet.minSize`.",
    )

    assert said == (
        "`step_adjustment[0].scaling_adjustment` must be above `min_size`, not `notBreaching`. Set "
        "enabled=true on the aws_autoscaling_policy, or `fleet.minSize`."
    )
