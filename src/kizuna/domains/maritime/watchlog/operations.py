"""What watch officers do at home: write and withdraw rules, see to alerts, hand the watch over."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from kizuna.domains.maritime.watchlog import records as said
from kizuna.domains.maritime.watchlog import rules, shared
from kizuna.domains.maritime.watchlog.cases import INCIDENT, ROLE
from kizuna.domains.maritime.watchlog.judging import Finding
from kizuna.domains.maritime.watchlog.queries import AlertRow, held_alert, rules_of
from kizuna.domains.maritime.watchlog.records import RuleKind
from kizuna.domains.maritime.watchlog.shared import CATEGORY, INCIDENT_KEY, PARTNER, or_withheld
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement
from kizuna.kernel.record import WITHHELD

ROLES = frozenset({ROLE})
_MINUTE_MS = 60_000
RULE = Annotated[
    str, Meta(description="The rule's short name, like `palk-strait`.", pattern="^[a-z0-9][a-z0-9-]{0,39}$")
]
ALERT = Annotated[str, Meta(description="The alert's name, 16 letters and digits.")]
REASON = Annotated[str, Meta(description="Why, for whoever reads the log.", min_length=1, max_length=2000)]
NOTE = Annotated[str, Meta(description="A remark.", max_length=2000)]


class RuleAsked(Asked, frozen=True):
    """Write a rule, or its next version."""

    rule: RULE
    kind: Annotated[RuleKind, Meta(description="What it looks for.")]
    title: Annotated[str, Meta(description="What it is called on the log.", max_length=200)] = ""
    area: Annotated[str, Meta(description="A watched area of the settings, by its name.", max_length=100)] = ""
    box: Annotated[
        str,
        Meta(description="Edges of a box in degrees, `south,west,north,east`, like `5,80,10.5,90`.", max_length=100),
    ] = ""
    mmsi: Annotated[tuple[str, ...], Meta(description="Only these vessels, by MMSI; may be repeated.")] = ()
    over_dkn: Annotated[int, Meta(description="Faster than this, in tenths of a knot.", ge=0)] = 0
    at_least_min: Annotated[int, Meta(description="Lasting at least so many minutes.", ge=0, le=525_600)] = 0
    urgent: Annotated[bool, Meta(description="Whether its alerts are urgent.")] = False


class WithdrawRuleAsked(Asked, frozen=True):
    """Take a rule back."""

    rule: RULE
    reason: REASON


class AcknowledgeAsked(Asked, frozen=True):
    """Take an alert on."""

    alert: ALERT
    note: NOTE = ""


class NoteAlertAsked(Asked, frozen=True):
    """Write something down about an alert."""

    alert: ALERT
    note: Annotated[str, Meta(description="What is to be remembered.", min_length=1, max_length=2000)]


class DismissAsked(Asked, frozen=True):
    """Close an alert that was nothing."""

    alert: ALERT
    reason: REASON


class EscalateAsked(Asked, frozen=True):
    """Make an incident of an alert, or add the alert to one that is held."""

    alert: ALERT
    key: INCIDENT_KEY
    category: CATEGORY = 4
    title: Annotated[str, Meta(description="What it is called; the rule's words where left out.", max_length=200)] = ""
    partner: PARTNER = ""
    note: NOTE = ""


class ShareAlertAsked(Asked, frozen=True):
    """Tell a partner of an alert, in one act."""

    alert: ALERT
    partner: Annotated[str, Meta(description="The party to share it with.", min_length=1, max_length=40)]
    category: CATEGORY = 4
    title: Annotated[str, Meta(description="What it is called; the rule's words where left out.", max_length=200)] = ""


class HandOverWatchAsked(Asked, frozen=True):
    """Hand the watch over."""

    to_officer: Annotated[str, Meta(description="Who takes it over.", min_length=1, max_length=100)]
    note: NOTE = ""


def write_rule(desk: Desk, asked: RuleAsked) -> Outcome:
    """Say a rule's next version; what was withdrawn stands again by it.

    Raises:
        RefusedError: it says what such a rule cannot, or a box or vessel is none.
    """
    edges = rules.box(asked.box) if asked.box else None
    rules.check_rule(
        asked.kind, area=asked.area, boxed=edges is not None, over_dkn=asked.over_dkn, at_least_ms=asked.at_least_min * _MINUTE_MS
    )  # fmt: skip
    if asked.kind == "identity" and edges is not None:
        raise RefusedError("a static report names no place: leave the `box` of a rule on `identity` out")
    held = rules_of(desk.db, desk.party, withdrawn=True, name=asked.rule)
    version = held[0].version + 1 if held else 1
    named = ("south_600000", "west_600000", "north_600000", "east_600000")
    limits: dict[str, Any] = dict(zip(named, edges, strict=True)) if edges is not None else {}
    body = said.RuleWritten(
        rule=asked.rule, version=version, title=or_withheld(asked.title), kind=asked.kind, area=or_withheld(asked.area),
        mmsi=rules.vessels(asked.mmsi), over_dkn=asked.over_dkn or WITHHELD, at_least_ms=asked.at_least_min * _MINUTE_MS,
        urgent=asked.urgent, **limits,
    )  # fmt: skip
    statement = Statement(type=said.RULE_WRITTEN, body=body, subject=f"rule:{asked.rule}")
    return Outcome((statement,), {"rule": asked.rule, "version": version})


def withdraw_rule(desk: Desk, asked: WithdrawRuleAsked) -> Outcome:
    """Say that a rule is taken back in the version that is in force.

    Raises:
        RefusedError: no such rule is in force.
    """
    held = rules_of(desk.db, desk.party, name=asked.rule)
    if not held:
        raise RefusedError(f"no rule `{asked.rule}` is in force: choose one of `kizuna maritime rules`")
    body = said.RuleWithdrawn(rule=asked.rule, version=held[0].version, reason=asked.reason)
    return Outcome((Statement(type=said.RULE_WITHDRAWN, body=body, subject=f"rule:{asked.rule}"),))


def raise_alert(finding: Finding) -> Statement:
    """Return the statement by which a finding is an alert: it cites the rule in its version and the records behind it."""
    rule = finding.rule
    body = said.AlertRaised(
        alert=finding.alert, rule=rule.rule, version=rule.version, rule_record=rule.record_id, kind=rule.kind, urgent=rule.urgent,
        mmsi=finding.mmsi, other_mmsi=or_withheld(finding.other_mmsi), area=or_withheld(finding.area), from_ms=finding.from_ms,
        to_ms=or_withheld(finding.to_ms), lat_600000=or_withheld(finding.lat_600000), lon_600000=or_withheld(finding.lon_600000),
        what=finding.what, evidence=finding.evidence, source_kind=finding.source_kind,  # type: ignore[arg-type] # one of its words
    )  # fmt: skip
    return Statement(type=said.ALERT_RAISED, body=body, subject=f"alert:{finding.alert}")


def _acting(alert: AlertRow, body: Any, type_: str) -> Statement:
    return Statement(type=type_, body=body, subject=f"alert:{alert.alert}")


def _in_state(desk: Desk, name: str, state: str, remedy: str) -> AlertRow:
    held = held_alert(desk, name)
    if held.state != state:
        raise RefusedError(f"alert `{name}` is `{held.state}`{f' by {held.by}' if held.by else ''}: {remedy}")
    return held


def acknowledge(desk: Desk, asked: AcknowledgeAsked) -> Outcome:
    """Say that an officer has an alert in hand.

    Raises:
        RefusedError: none is called so, or somebody has it already.
    """
    held = _in_state(desk, asked.alert, "raised", "only one that is `raised` is acknowledged; write a note instead")
    body = said.AlertAcknowledged(alert=held.alert, note=or_withheld(asked.note))
    return Outcome((_acting(held, body, said.ALERT_ACKNOWLEDGED),))


def note_alert(desk: Desk, asked: NoteAlertAsked) -> Outcome:
    """Say a note about an alert, wherever it stands.

    Raises:
        RefusedError: none is called so.
    """
    held = held_alert(desk, asked.alert)
    return Outcome((_acting(held, said.AlertNoted(alert=held.alert, note=asked.note), said.ALERT_NOTED),))


_FIRST = "only one that is `acknowledged` is closed; acknowledge a raised one first, and leave a closed one as it is"


def dismiss(desk: Desk, asked: DismissAsked) -> Outcome:
    """Say that an alert was nothing, and why.

    Raises:
        RefusedError: none is called so, or nobody has it in hand.
    """
    held = _in_state(desk, asked.alert, "acknowledged", _FIRST)
    body = said.AlertDismissed(alert=held.alert, reason=asked.reason)
    return Outcome((_acting(held, body, said.ALERT_DISMISSED),))


def escalate(desk: Desk, asked: EscalateAsked) -> Outcome:
    """Open an incident with an alert's vessels, time and place, or add the alert to one that is held; the alert itself stays at home.

    Raises:
        RefusedError: none is called so, nobody has it in hand, or the incident cannot be opened or is closed.
    """
    return _escalated(desk, _in_state(desk, asked.alert, "acknowledged", _FIRST), asked)


def _escalated(desk: Desk, held: AlertRow, asked: EscalateAsked) -> Outcome:
    opened: tuple[Statement, ...] = ()
    view = desk.find(INCIDENT, asked.key)
    if view is None:
        title = asked.title or held.what or held.rule
        body = said.IncidentOpened(
            title=title, category=asked.category, partner=or_withheld(asked.partner), mmsi=_vessels(held),
            reported_at_ms=or_withheld(held.from_ms), lat_600000=or_withheld(held.lat_600000),
            lon_600000=or_withheld(held.lon_600000),
        )  # fmt: skip
        opened = (desk.open(INCIDENT, asked.key, body),)
    elif view.state.state == "closed":
        raise RefusedError(f"incident `{asked.key}` is closed: open another one under a new key")
    escalated = said.AlertEscalated(alert=held.alert, incident=asked.key, note=or_withheld(asked.note))
    return Outcome((*opened, _acting(held, escalated, said.ALERT_ESCALATED)), {"incident": asked.key})


def share_alert(desk: Desk, asked: ShareAlertAsked) -> Outcome:
    """Open an incident with a partner under a name made of the alert's, and take the alert on where nobody has; the alert itself stays at home.

    Raises:
        RefusedError: none is called so, or it is closed or shared already.
    """
    held = held_alert(desk, asked.alert)
    if held.state not in ("raised", "acknowledged"):
        raise RefusedError(
            f"alert `{held.alert}` is `{held.state}` by {held.by}: only one that is open is shared; go on in its incident"
        )
    rule = next(iter(rules_of(desk.db, desk.party, withdrawn=True, name=held.rule)), None)
    title = asked.title or ": ".join(filter(None, (rule.title if rule is not None else held.rule, held.what)))
    key = f"{desk.party}-{held.alert}"
    escalated = EscalateAsked(
        alert=held.alert, key=key, category=asked.category, title=title[:200], partner=asked.partner
    )
    taken: tuple[Statement, ...] = ()
    if held.state == "raised":
        taken = (_acting(held, said.AlertAcknowledged(alert=held.alert), said.ALERT_ACKNOWLEDGED),)
    opened = _escalated(desk, held, escalated)
    return Outcome((*taken, *opened.statements), opened.told)


def _vessels(alert: AlertRow) -> tuple[int, ...]:
    return tuple(each for each in (alert.mmsi, alert.other_mmsi) if each is not None)


def hand_over_watch(_desk: Desk, asked: HandOverWatchAsked) -> Outcome:
    """Say that the watch changes; the sheet then tells what was done since."""
    body = said.WatchHandedOver(to_officer=asked.to_officer, note=or_withheld(asked.note))
    return Outcome((Statement(type=said.WATCH_HANDED_OVER, body=body, subject="watch"),))


OPERATIONS = (
    Operation(name="write-rule", text="Write a rule for alerts, or its next version.", asks=RuleAsked, run=write_rule, roles=ROLES),
    Operation(name="withdraw-rule", text="Take a rule back.", asks=WithdrawRuleAsked, run=withdraw_rule, roles=ROLES),
    Operation(name="acknowledge", text="Take an alert on.", asks=AcknowledgeAsked, run=acknowledge, roles=ROLES),
    Operation(name="note-alert", text="Write something down about an alert.", asks=NoteAlertAsked, run=note_alert, roles=ROLES),
    Operation(name="dismiss", text="Close an alert that was nothing.", asks=DismissAsked, run=dismiss, roles=ROLES),
    Operation(name="escalate", text="Make an incident of an alert.", asks=EscalateAsked, run=escalate, roles=ROLES),
    Operation(name="share-alert", text="Share an alert with a partner.", asks=ShareAlertAsked, run=share_alert, roles=ROLES),
    Operation(name="hand-over-watch", text="Hand the watch over.", asks=HandOverWatchAsked, run=hand_over_watch, roles=ROLES),
    *shared.OPERATIONS,
)  # fmt: skip
