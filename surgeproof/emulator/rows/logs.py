"""CloudWatch Logs: groups, filters, queries and the policy that lets services write."""

from surgeproof.emulator.rows.row import Call, Name, Row, Step, Tagging

_LOGS_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="resourceArn",
    source="arn",
    keys="tagKeys",
    tags="tags",
    read_member="tags",
    read=Call("ListTagsForResource", {"resourceArn": "arn"}),
)


ROWS = (
    Row(
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        service="logs",
        create=Step("PutResourcePolicy"),
        id="policyName",
        name=Name(property="policyName"),
        replaces=("policyName", "resourceArn"),
        overwrites=True,
        read=Call("DescribeResourcePolicies", {}, "resourcePolicies[policyName=policyName]"),
        gone=("ResourceNotFoundException",),
        delete=(Call("DeleteResourcePolicy", {"policyName": "policyName"}),),
    ),
    Row(
        "aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        noun="logGroup",
        create=Step("CreateLogGroup", update="-"),
        id="name",
        name=Name(limit=512),
        replaces=("name", "logGroupClass"),
        local=("skipDestroy",),
        steps=(
            Step(
                "PutRetentionPolicy",
                takes=("retentionInDays",),
                request={"logGroupName": "id"},
                only=lambda state: bool(state.get("retentionInDays")),
                undo=Call("DeleteRetentionPolicy", {"logGroupName": "id"}),
            ),
        ),
        updates=(
            Step(
                "AssociateKmsKey",
                takes=("kmsKeyId",),
                request={"logGroupName": "id"},
                undo=Call("DisassociateKmsKey", {"logGroupName": "id"}),
            ),
        ),
        tagging=_LOGS_TAGS,
        read=Call("DescribeLogGroups", {"logGroupNamePrefix": "id"}, "logGroups[logGroupName=id]"),
        outputs={"arn": lambda _, found: str(found["arn"]).removesuffix(":*")},
        delete=(Call("DeleteLogGroup", {"logGroupName": "id"}),),
        gone=("ResourceNotFoundException",),
    ),
    Row(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        service="logs",
        noun="filter",
        create=Step(
            "PutMetricFilter",
            names={
                "metricTransformation.name": "metricName",
                "metricTransformation.namespace": "metricNamespace",
                "metricTransformation.value": "metricValue",
            },
        ),
        id="name",
        name=Name(limit=512),
        replaces=("name", "logGroupName"),
        overwrites=True,
        read=Call(
            "DescribeMetricFilters",
            {"logGroupName": "logGroupName", "filterNamePrefix": "name"},
            "metricFilters[filterName=name]",
        ),
        gone=("ResourceNotFoundException",),
        delete=(
            Call("DeleteMetricFilter", {"logGroupName": "logGroupName", "filterName": "name"}),
        ),
    ),
    Row(
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        service="logs",
        create=Step("PutQueryDefinition", update_request={"queryDefinitionId": "id"}),
        id=">queryDefinitionId",
        name=Name(always=False),
        overwrites=True,
        read=Call(
            "DescribeQueryDefinitions",
            {"queryDefinitionNamePrefix": "name"},
            "queryDefinitions[queryDefinitionId=id]",
        ),
        gone=("ResourceNotFoundException",),
        outputs={"queryDefinitionId": "queryDefinitionId"},
        delete=(Call("DeleteQueryDefinition", {"queryDefinitionId": "id"}),),
    ),
)
