"""Certificate Manager: certificates, and the wait until one is issued."""

import time
from typing import Any

from surgeproof.emulator.rows.row import Call, Context, Row, Step, Tagging


def _validation_options(_: Context, found: Any) -> list[dict[str, str]]:
    return [
        {
            "domainName": each["DomainName"],
            "resourceRecordName": each["ResourceRecord"]["Name"],
            "resourceRecordType": each["ResourceRecord"]["Type"],
            "resourceRecordValue": each["ResourceRecord"]["Value"],
        }
        for each in found.get("DomainValidationOptions") or ()
        if each.get("ResourceRecord")
    ]


def _await_certificate(context: Context) -> None:
    """Wait until a certificate is issued, for at most a minute."""
    arn = context.state["certificateArn"]
    deadline = time.monotonic() + _ISSUED_WITHIN_SECONDS
    while True:
        found = context.call("DescribeCertificate", {"CertificateArn": arn})["Certificate"]
        status = found["Status"]
        if status == "ISSUED":
            return
        if status != "PENDING_VALIDATION" or time.monotonic() > deadline:
            raise context.error(
                f"certificate {arn} is {status} and not ISSUED"
                + (f" after {_ISSUED_WITHIN_SECONDS} s" if status == "PENDING_VALIDATION" else "")
            )
        time.sleep(_POLL_SECONDS)


_ISSUED_WITHIN_SECONDS = 60


_POLL_SECONDS = 0.2


_ACM_TAGS = Tagging(
    tag="AddTagsToCertificate",
    untag="RemoveTagsFromCertificate",
    member="CertificateArn",
    keys="Tags",
    read=Call("ListTagsForCertificate", {"CertificateArn": "id"}),
)


ROWS = (
    Row(
        "aws:acm/certificate:Certificate",
        service="acm",
        create=Step("RequestCertificate", update="-"),
        id=">CertificateArn",
        replaces=("domainName", "subjectAlternativeNames", "validationMethod", "keyAlgorithm"),
        tagging=_ACM_TAGS,
        read=Call(
            "DescribeCertificate",
            {"CertificateArn": "id"},
            "Certificate",
            names={"validationMethod": "DomainValidationOptions.ValidationMethod"},
        ),
        gone=("ResourceNotFoundException",),
        outputs={
            "arn": "CertificateArn",
            "status": "Status",
            "domainValidationOptions": _validation_options,
        },
        delete=(Call("DeleteCertificate", {"CertificateArn": "id"}),),
    ),
    Row(
        "aws:acm/certificateValidation:CertificateValidation",
        service="acm",
        create=Step(
            "DescribeCertificate",
            names={"certificateArn": "CertificateArn", "validationRecordFqdns": "-"},
            update="-",
        ),
        id="certificateArn",
        replaces=("certificateArn", "validationRecordFqdns"),
        created=_await_certificate,
        read=Call("DescribeCertificate", {"CertificateArn": "certificateArn"}, "Certificate"),
        gone=("ResourceNotFoundException",),
    ),
)
