"""Route 53: records."""

from collections.abc import Callable
from typing import Any

from surgeproof.emulator.rows.row import Call, Context, Row, State, Step


def _is_other_record(found: Any, state: State) -> bool:
    """Tell whether a listing, which starts at the record, found a later one."""
    return bool(found.get("Type") != state["type"] or found.get("Name") != _dotted(state))


def _record_id(state: State) -> str:
    parts = [state["zoneId"], state["name"], state["type"], state.get("setIdentifier")]
    return "_".join(str(part) for part in parts if part)


def _record_change(action: str) -> Callable[[State], Any]:
    """Return a source for a change of one record set."""

    def change(state: State) -> Any:
        record: dict[str, Any] = {"Name": state.get("name"), "Type": state.get("type")}
        if state.get("aliases"):
            alias = state["aliases"][0]
            record["AliasTarget"] = {
                "HostedZoneId": alias.get("zoneId"),
                "DNSName": alias.get("name"),
                "EvaluateTargetHealth": alias.get("evaluateTargetHealth", False),
            }
        else:
            record["TTL"] = state.get("ttl")
            values = state.get("records")
            record["ResourceRecords"] = (
                [{"Value": value} for value in values] if isinstance(values, list) else values
            )
        kind = action
        if kind == "CREATE" and state.get("allowOverwrite"):
            kind = "UPSERT"
        return {"Changes": [{"Action": kind, "ResourceRecordSet": record}]}

    return change


def _fqdn(context: Context, _: Any) -> str:
    return str(context.state["name"]).removesuffix(".")


def _dotted(state: State) -> str:
    return f"{str(state['name']).removesuffix('.')}."


ROWS = (
    Row(
        "aws:route53/record:Record",
        service="route53",
        create=Step(
            "ChangeResourceRecordSets",
            request={"HostedZoneId": "zoneId", "ChangeBatch": _record_change("CREATE")},
            names={
                "zoneId": "HostedZoneId",
                **dict.fromkeys(("name", "type", "ttl", "records", "aliases"), "="),
                **dict.fromkeys(
                    ("aliases.name", "aliases.zoneId", "aliases.evaluateTargetHealth"), "="
                ),
            },
            update_request={"HostedZoneId": "zoneId", "ChangeBatch": _record_change("UPSERT")},
        ),
        id=_record_id,
        replaces=("zoneId", "name", "type", "setIdentifier"),
        local=("allowOverwrite",),
        overwrites=True,
        read=Call(
            "ListResourceRecordSets",
            {"HostedZoneId": "zoneId", "StartRecordName": _dotted, "StartRecordType": "type"},
            "ResourceRecordSets[0]",
            names={
                "zoneId": "-",
                "name": "-",
                "type": "Type",
                "ttl": "TTL",
                "records": "ResourceRecords.Value",
                "aliases": "AliasTarget",
                "aliases.name": "DNSName",
                "aliases.zoneId": "HostedZoneId",
            },
        ),
        gone=("NoSuchHostedZone",),
        is_gone=_is_other_record,
        outputs={"fqdn": _fqdn},
        delete=(
            Call(
                "ChangeResourceRecordSets",
                {"HostedZoneId": "zoneId", "ChangeBatch": _record_change("DELETE")},
            ),
        ),
    ),
)
