"""The joint work of the dialogue: meeting, minute, commitment, milestone."""

from kizuna.domains.dialogue.commitments import COMMITMENT
from kizuna.domains.dialogue.meetings import MEETING, MINUTE
from kizuna.domains.dialogue.milestones import MILESTONE
from kizuna.kernel.casework import CaseKind

CASES: tuple[CaseKind, ...] = (MEETING, MINUTE, COMMITMENT, MILESTONE)
