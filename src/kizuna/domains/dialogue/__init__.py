"""Dialogue: meetings, joint texts, commitments and the roadmap of two parties.

What one party says by itself (mechanisms, cited meetings and promises, positions) are statements; what both sign are cases: meeting, minute,
commitment, milestone. A commitment points to a paragraph of an agreed text by its hash and never disappears without both.
"""

from kizuna.domains.dialogue.agenda import happenings
from kizuna.domains.dialogue.cases import CASES
from kizuna.domains.dialogue.operations import OPERATIONS
from kizuna.domains.dialogue.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.dialogue.queries import QUERIES
from kizuna.domains.dialogue.records import (
    CommitmentCited,
    DocumentExchanged,
    MechanismDescribed,
    MeetingCited,
    PositionNoted,
    RoadmapItemSet,
)
from kizuna.domains.dialogue.steps import RECORDS
from kizuna.kernel.domain import Domain, Seek

DOMAIN = Domain(
    name="dialogue",
    records=RECORDS,
    schema=SCHEMA,
    tables=TABLES,
    apply=APPLY,
    cases=CASES,
    operations=OPERATIONS,
    queries=QUERIES,
    happenings=happenings,
    sought={
        CommitmentCited: Seek(kind="dialogue.commitment", title=("text", "commitment"), ref=("commitment",)),
        DocumentExchanged: Seek(kind="dialogue.document", title=("text", "exchange"), ref=("exchange",)),
        MechanismDescribed: Seek(kind="dialogue.mechanism", title=("title", "mechanism"), ref=("mechanism",)),
        MeetingCited: Seek(kind="dialogue.meeting", title=("meeting", "note"), ref=("meeting",)),
        PositionNoted: Seek(kind="dialogue.position", title=("text", "position"), ref=("position",)),
        RoadmapItemSet: Seek(kind="dialogue.roadmap", title=("title", "item"), ref=("item",)),
    },
)
