"""S3: buckets, and what Pulumi has as resources of their own beside them."""

from collections.abc import Mapping

from surgeproof.emulator.requests import Place
from surgeproof.emulator.rows.row import Call, Context, Name, Row, Step


def _empty_bucket(context: Context) -> None:
    """Delete what is in a bucket, where the program allows it."""
    if not context.state.get("forceDestroy"):
        return
    bucket = context.state["id"]
    while True:
        listed = context.call("ListObjectVersions", {"Bucket": bucket})
        objects = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for each in listed.get(kind) or ()
        ]
        if not objects:
            return
        context.call(
            "DeleteObjects", {"Bucket": bucket, "Delete": {"Objects": objects, "Quiet": True}}
        )


def _bucket_tags(context: Context) -> None:
    tags = context.state.get("tags")
    bucket = context.state["id"]
    if tags:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        context.call("PutBucketTagging", {"Bucket": bucket, "Tagging": {"TagSet": pairs}})
    else:
        context.call("DeleteBucketTagging", {"Bucket": bucket})


def _bucket_part(  # noqa: PLR0917
    kind: str, put: str, get: str, delete: str, result: str, names: Mapping[str, Place], gone: str
) -> Row:
    """Return the row of what Pulumi has as a resource of its own beside the bucket."""
    bucket = {"Bucket": "bucket"}
    return Row(
        f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}",
        service="s3",
        create=Step(put, request=bucket, names=names),
        id="bucket",
        replaces=("bucket",),
        overwrites=True,
        read=Call(get, bucket, result, names={"bucket": "-"}),
        gone=("NoSuchBucket", gone),
        delete=(Call(delete, bucket),),
    )


ROWS = (
    Row(
        "aws:s3/bucket:Bucket",
        service="s3",
        create=Step(
            "CreateBucket",
            request={
                "CreateBucketConfiguration": lambda state: (
                    None
                    if state["region"] == "us-east-1"
                    else {"LocationConstraint": state["region"]}
                )
            },
            update="-",
        ),
        id="bucket",
        name=Name(property="bucket", limit=63, lower=True),
        replaces=("bucket",),
        local=("forceDestroy",),
        steps=(
            Step(
                "PutBucketTagging",
                takes=("tags",),
                names={"tags": "Tagging.TagSet"},
                request={"Bucket": "id"},
                run=_bucket_tags,
                read=Call("GetBucketTagging", {"Bucket": "id"}, names={"tags": "TagSet"}),
            ),
        ),
        read=Call("HeadBucket", {"Bucket": "id"}, names={"bucket": "-"}),
        gone=("NoSuchBucket", "404"),
        outputs={
            "arn": lambda context, _: f"arn:{context.partition}:s3:::{context.state['id']}",
            "bucketDomainName": lambda context, _: f"{context.state['id']}.s3.amazonaws.com",
            "bucketRegionalDomainName": lambda context, _: (
                f"{context.state['id']}.s3.{context.region}.amazonaws.com"
            ),
        },
        deleting=_empty_bucket,
        delete=(Call("DeleteBucket", {"Bucket": "id"}),),
    ),
    _bucket_part(
        "BucketPublicAccessBlock",
        "PutPublicAccessBlock",
        "GetPublicAccessBlock",
        "DeletePublicAccessBlock",
        "PublicAccessBlockConfiguration",
        {
            name: f"PublicAccessBlockConfiguration.{name[0].upper()}{name[1:]}"
            for name in (
                "blockPublicAcls",
                "blockPublicPolicy",
                "ignorePublicAcls",
                "restrictPublicBuckets",
            )
        },
        "NoSuchPublicAccessBlockConfiguration",
    ),
    _bucket_part(
        "BucketServerSideEncryptionConfiguration",
        "PutBucketEncryption",
        "GetBucketEncryption",
        "DeleteBucketEncryption",
        "ServerSideEncryptionConfiguration",
        {"rules": "ServerSideEncryptionConfiguration.Rules"},
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    _bucket_part(
        "BucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "GetBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        "",
        {"rules": "LifecycleConfiguration.Rules"},
        "NoSuchLifecycleConfiguration",
    ),
    _bucket_part(
        "BucketPolicy",
        "PutBucketPolicy",
        "GetBucketPolicy",
        "DeleteBucketPolicy",
        "",
        {},
        "NoSuchBucketPolicy",
    ),
    _bucket_part(
        "BucketOwnershipControls",
        "PutBucketOwnershipControls",
        "GetBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        "OwnershipControls",
        {"rule": "OwnershipControls.Rules"},
        "OwnershipControlsNotFoundError",
    ),
)
