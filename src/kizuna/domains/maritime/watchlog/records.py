"""What a watch says: its rules, what became of each alert, and the steps of what it shares with a partner."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kizuna.domains.maritime.records import Count, Latitude, Longitude, Mmsi, SourceKind
from kizuna.kernel.record import WITHHELD, Body, Withheld

RuleKind = Literal[
    "area", "clash", "disabling", "gap", "identity", "impossible-move", "interference", "loitering", "meeting", "port-visit", "speed",
    "vessel-of-interest",
]  # fmt: skip
"""`watchlog.kinds` says what each looks for. These records stay at home: a further word says nothing new of older ones."""
Category = Annotated[int, msgspec.Meta(ge=1, le=4)]
"""How grave an incident is, as the officer states it: 1 very significant, 2 moderately, 3 less significant, 4 petty."""


class RuleWritten(Body, frozen=True):
    """An officer's rule, or its next version: what is to raise an alert.

    `area` names a watched area of the settings; the four edges give a box of the rule's own. `mmsi` limits it to some vessels. `over_dkn` is the
    speed above which a vessel is too fast, in tenths of a knot, `at_least_ms` how long a gap or a meeting lasts at least.
    """

    rule: str | Withheld = WITHHELD
    version: Count | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    kind: RuleKind | Withheld = WITHHELD
    area: str | Withheld = WITHHELD
    south_600000: Latitude | Withheld = WITHHELD
    west_600000: Longitude | Withheld = WITHHELD
    north_600000: Latitude | Withheld = WITHHELD
    east_600000: Longitude | Withheld = WITHHELD
    mmsi: tuple[Mmsi, ...] | Withheld = WITHHELD
    over_dkn: Count | Withheld = WITHHELD
    at_least_ms: Count | Withheld = WITHHELD
    urgent: bool | Withheld = WITHHELD


class RuleWithdrawn(Body, frozen=True):
    """An officer takes a rule back, up to the version that was then in force."""

    rule: str | Withheld = WITHHELD
    version: Count | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class AlertRaised(Body, frozen=True):
    """A rule in one version found something; `evidence` are the records that it rests on.

    `alert` is made of the rule and of what was found, so that the same finding has the same name whenever it is said.
    """

    alert: str | Withheld = WITHHELD
    rule: str | Withheld = WITHHELD
    version: Count | Withheld = WITHHELD
    rule_record: str | Withheld = WITHHELD
    kind: RuleKind | Withheld = WITHHELD
    urgent: bool | Withheld = WITHHELD
    mmsi: Mmsi | Withheld = WITHHELD
    other_mmsi: Mmsi | Withheld = WITHHELD
    area: str | Withheld = WITHHELD
    from_ms: int | Withheld = WITHHELD
    to_ms: int | Withheld = WITHHELD
    lat_600000: Latitude | Withheld = WITHHELD
    lon_600000: Longitude | Withheld = WITHHELD
    what: str | Withheld = WITHHELD
    evidence: tuple[str, ...] | Withheld = WITHHELD
    source_kind: SourceKind | Withheld = WITHHELD


class AlertAcknowledged(Body, frozen=True):
    """An officer has seen an alert and takes it on."""

    alert: str | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class AlertNoted(Body, frozen=True):
    """An officer writes something down about an alert."""

    alert: str | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class AlertDismissed(Body, frozen=True):
    """An officer closes an alert, and says why it was nothing."""

    alert: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class AlertEscalated(Body, frozen=True):
    """An officer makes an incident of an alert."""

    alert: str | Withheld = WITHHELD
    incident: str | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class WatchHandedOver(Body, frozen=True):
    """The watch changes: who takes it over, and what the one before leaves to say."""

    to_officer: str | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class IncidentOpened(Body, frozen=True):
    """The owner centre opens an incident; without a `partner` it stays at home."""

    title: str | Withheld = WITHHELD
    category: Category | Withheld = WITHHELD
    partner: str | Withheld = WITHHELD
    mmsi: tuple[Mmsi, ...] | Withheld = WITHHELD
    reported_at_ms: int | Withheld = WITHHELD
    lat_600000: Latitude | Withheld = WITHHELD
    lon_600000: Longitude | Withheld = WITHHELD


class IncidentAssessed(Body, frozen=True):
    """The owner centre says what it holds the incident for."""

    category: Category | Withheld = WITHHELD
    assessment: str | Withheld = WITHHELD


class IncidentShared(Body, frozen=True):
    """The owner centre gives its partner the full report, and the records behind it by their ids."""

    report: str | Withheld = WITHHELD
    evidence: tuple[str, ...] | Withheld = WITHHELD


class IncidentHandedOver(Body, frozen=True):
    """The owner centre gives the lead to its partner; it holds once the partner has signed too."""

    reason: str | Withheld = WITHHELD


class IncidentResolved(Body, frozen=True):
    """Whoever has the lead says how it ended."""

    outcome: str | Withheld = WITHHELD


class IncidentClosed(Body, frozen=True):
    """The owner centre closes the file."""

    note: str | Withheld = WITHHELD


class IncidentNoted(Body, frozen=True):
    """A note on an incident, its subject the incident's case; labelled and released by itself."""

    text: str | Withheld = WITHHELD


class VoiAsserted(Body, frozen=True):
    """A party holds a vessel to be of interest: its own claim, on a stated basis, until an instant; without a `partner` it stays at home."""

    mmsi: Mmsi | Withheld = WITHHELD
    basis: str | Withheld = WITHHELD
    confidence_pct: Annotated[int, msgspec.Meta(ge=0, le=100)] | Withheld = WITHHELD
    expires_at_ms: int | Withheld = WITHHELD
    partner: str | Withheld = WITHHELD


class VoiSupported(Body, frozen=True):
    """The partner holds the same, and says on what."""

    basis: str | Withheld = WITHHELD


class VoiDisputed(Body, frozen=True):
    """The partner does not hold it, and says why."""

    reason: str | Withheld = WITHHELD


class VoiWithdrawn(Body, frozen=True):
    """The author takes the claim back."""

    reason: str | Withheld = WITHHELD


class VoiExpired(Body, frozen=True):
    """The claim's time is over."""

    rule: str | Withheld = WITHHELD


class RequestAsked(Body, frozen=True):
    """A party asks its partner for information, to be answered by an instant."""

    partner: str | Withheld = WITHHELD
    question: str | Withheld = WITHHELD
    mmsi: tuple[Mmsi, ...] | Withheld = WITHHELD
    incident: str | Withheld = WITHHELD
    answer_by_ms: int | Withheld = WITHHELD


class RequestAnswered(Body, frozen=True):
    """The partner answers, and names records that it has released."""

    answer: str | Withheld = WITHHELD
    records: tuple[str, ...] | Withheld = WITHHELD


class RequestDeclined(Body, frozen=True):
    """The partner does not answer, and says why."""

    reason: str | Withheld = WITHHELD


class RequestExpired(Body, frozen=True):
    """The time to answer has passed."""

    rule: str | Withheld = WITHHELD


RULE_WRITTEN = "maritime.rule-written.v1"
RULE_WITHDRAWN = "maritime.rule-withdrawn.v1"
ALERT_RAISED = "maritime.alert-raised.v1"
ALERT_ACKNOWLEDGED = "maritime.alert-acknowledged.v1"
ALERT_NOTED = "maritime.alert-noted.v1"
ALERT_DISMISSED = "maritime.alert-dismissed.v1"
ALERT_ESCALATED = "maritime.alert-escalated.v1"
WATCH_HANDED_OVER = "maritime.watch-handed-over.v1"
INCIDENT_NOTED = "maritime.incident-noted.v1"

RECORDS: dict[str, type[Body]] = {
    RULE_WRITTEN: RuleWritten,
    RULE_WITHDRAWN: RuleWithdrawn,
    ALERT_RAISED: AlertRaised,
    ALERT_ACKNOWLEDGED: AlertAcknowledged,
    ALERT_NOTED: AlertNoted,
    ALERT_DISMISSED: AlertDismissed,
    ALERT_ESCALATED: AlertEscalated,
    WATCH_HANDED_OVER: WatchHandedOver,
    INCIDENT_NOTED: IncidentNoted,
    "maritime.incident-opened.v1": IncidentOpened,
    "maritime.incident-assessed.v1": IncidentAssessed,
    "maritime.incident-shared.v1": IncidentShared,
    "maritime.incident-handed-over.v1": IncidentHandedOver,
    "maritime.incident-resolved.v1": IncidentResolved,
    "maritime.incident-closed.v1": IncidentClosed,
    "maritime.interest-asserted.v1": VoiAsserted,
    "maritime.interest-supported.v1": VoiSupported,
    "maritime.interest-disputed.v1": VoiDisputed,
    "maritime.interest-withdrawn.v1": VoiWithdrawn,
    "maritime.interest-expired.v1": VoiExpired,
    "maritime.request-asked.v1": RequestAsked,
    "maritime.request-answered.v1": RequestAnswered,
    "maritime.request-declined.v1": RequestDeclined,
    "maritime.request-expired.v1": RequestExpired,
}
