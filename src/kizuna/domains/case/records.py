"""What a side says of any case: that it signs what the other proposed, or how a conflict ends. The classes are the kernel's."""

from kizuna.kernel.case import ENDORSED, RESOLVED, CaseEndorsed, CaseResolved
from kizuna.kernel.record import Body

RECORDS: dict[str, type[Body]] = {ENDORSED: CaseEndorsed, RESOLVED: CaseResolved}
