"""What parties say about disputable facts. The classes are the kernel's: every domain's facts are claimed in the same words."""

from kizuna.kernel.claim import CLAIM_RECORDS
from kizuna.kernel.record import Body

RECORDS: dict[str, type[Body]] = dict(CLAIM_RECORDS)
