"""Who a vessel is: numbers with their check digits and flags, and vessels as sets of identities that somebody linked.

An MMSI may be shared or wrong, a name is anybody's: so no identity *is* the vessel. A vessel is what links join, each with who made it and why,
and a link that is undone takes the sets apart again. Pure rules; records and tables are in `records` and `projections`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kizuna.formats.ais import StaticReport

Station = Literal["ship", "coast", "group", "aircraft", "aid", "craft", "handheld", "device", "unknown"]

_DIGITS_AND_FLAG = (
    "201AL 202AD 203AT 204PT 205BE 206BY 207BG 208VA 209CY 210CY 211DE 212CY 213GE 214MD 215MT 216AM 218DE 219DK 220DK 224ES 225ES "
    "226FR 227FR 228FR 229MT 230FI 231FO 232GB 233GB 234GB 235GB 236GI 237GR 238HR 239GR 240GR 241GR 242MA 243HU 244NL 245NL 246NL "
    "247IT 248MT 249MT 250IE 251IS 252LI 253LU 254MC 255PT 256MT 257NO 258NO 259NO 261PL 262ME 263PT 264RO 265SE 266SE 267SK 268SM "
    "269CH 270CZ 271TR 272UA 273RU 274MK 275LV 276EE 277LT 278SI 279RS 301AI 303US 304AG 305AG 306CW 307AW 308BS 309BS 310BM 311BS "
    "312BZ 314BB 316CA 319KY 321CR 323CU 325DM 327DO 329GP 330GD 331GL 332GT 334HN 336HT 338US 339JM 341KN 343LC 345MX 347MQ 348MS "
    "350NI 351PA 352PA 353PA 354PA 355PA 356PA 357PA 358PR 359SV 361PM 362TT 364TC 366US 367US 368US 369US 370PA 371PA 372PA 373PA "
    "374PA 375VC 376VC 377VC 378VG 379VI 401AF 403SA 405BD 408BH 410BT 412CN 413CN 414CN 416TW 417LK 419IN 422IR 423AZ 425IQ 428IL "
    "431JP 432JP 434TM 436KZ 437UZ 438JO 440KR 441KR 443PS 445KP 447KW 450LB 451KG 453MO 455MV 457MN 459NP 461OM 463PK 466QA 468SY "
    "470AE 471AE 472TJ 473YE 475YE 477HK 478BA 501TF 503AU 506MM 508BN 510FM 511PW 512NZ 514KH 515KH 516CX 518CK 520FJ 523CC 525ID "
    "529KI 531LA 533MY 536MP 538MH 540NC 542NU 544NR 546PF 548PH 550TL 553PG 555PN 557SB 559AS 561WS 563SG 564SG 565SG 566SG 567TH "
    "570TO 572TV 574VN 576VU 577VU 578WF 601ZA 603AO 605DZ 607TF 608SH 609BI 610BJ 611BW 612CF 613CM 615CG 616KM 617CV 618TF 619CI "
    "620KM 621DJ 622EG 624ET 625ER 626GA 627GH 629GM 630GW 631GQ 632GN 633BF 634KE 635TF 636LR 637LR 638SS 642LY 644LS 645MU 647MG "
    "649ML 650MZ 654MR 655MW 656NE 657NG 659NA 660RE 661RW 662SD 663SN 664SC 665SH 666SO 667SL 668ST 669SZ 670TD 671TG 672TN 674TZ "
    "675UG 676CD 677TZ 678ZM 679ZW 701AR 710BR 720BO 725CL 730CO 735EC 740FK 745GF 750GY 755PY 760PE 765SR 770UY 775VE "
)
_FLAGS = {int(each[:3]): each[3:] for each in _DIGITS_AND_FLAG.split()}
"""Maritime identification digits (ITU) to ISO 3166 codes."""

_IMO_WEIGHTS = range(7, 1, -1)
_IMO_LEAST, _IMO_MOST = 1_000_000, 9_999_999


class Link(msgspec.Struct, frozen=True):
    """A link as it is held: the record that says it, who says so and why."""

    record_id: str
    identity_a: str
    identity_b: str
    basis: str
    manual: bool
    party: str
    actor: str
    at_ms: int


class Suggestion(msgspec.Struct, frozen=True):
    """Two identities that the static data join, and how."""

    identity_a: str
    identity_b: str
    basis: str


def imo_is_right(imo_no: int) -> bool:
    """Return whether a number is an IMO number: seven digits, the last being the sum of the others times 7 down to 2, modulo 10.

    IMO resolution A.1117(30).
    """
    if not _IMO_LEAST <= imo_no <= _IMO_MOST:
        return False
    *digits, check = (int(digit) for digit in str(imo_no))
    return sum(digit * weight for digit, weight in zip(digits, _IMO_WEIGHTS, strict=True)) % 10 == check


def station_of(mmsi: int) -> Station:
    """Return what kind of station an MMSI belongs to (ITU-R M.585-9, annexes 1 and 2)."""
    text = f"{mmsi:09}"
    kinds: tuple[tuple[str, Station], ...] = (
        ("00", "coast"), ("0", "group"), ("111", "aircraft"), ("8", "handheld"), ("99", "aid"), ("98", "craft"), ("97", "device"),
    )  # fmt: skip
    for prefix, kind in kinds:
        if text.startswith(prefix):
            return kind
    return "ship" if "2" <= text[0] <= "7" else "unknown"


_DIGITS_BEFORE_FLAG: dict[Station, int] = {
    "ship": 0, "coast": 2, "group": 1, "aircraft": 3, "handheld": 1, "aid": 2, "craft": 2,
}  # fmt: skip


def flag_of(mmsi: int) -> str | None:
    """Return the country of an MMSI as an ISO 3166 code, None where its digits are nobody's; a claim of the station, not a register's."""
    before = _DIGITS_BEFORE_FLAG.get(station_of(mmsi))
    return None if before is None else _FLAGS.get(int(f"{mmsi:09}"[before : before + 3]))


def vessel_of(identity: str, links: Iterable[Link]) -> tuple[frozenset[str], tuple[Link, ...]]:
    """Return the identities that links join with one, and those links in the order in which they were made."""
    beside: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        beside[link.identity_a].append(link)
        beside[link.identity_b].append(link)
    found, waiting, used = {identity}, [identity], dict[str, Link]()
    while waiting:
        for link in beside[waiting.pop()]:
            used[link.record_id] = link
            for other in (link.identity_a, link.identity_b):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
    return frozenset(found), tuple(sorted(used.values(), key=lambda link: (link.at_ms, link.record_id)))


def suggestions(reports: Sequence[StaticReport]) -> tuple[Suggestion, ...]:
    """Return what static data suggest to link: numbers under one right IMO number, or under one call sign and name.

    Nothing is linked by this: an officer decides, or a job that says so with `manual` false.
    """
    by_imo: dict[int, set[int]] = defaultdict(set)
    by_call: dict[tuple[str, str], set[int]] = defaultdict(set)
    for report in reports:
        if report.imo_no is not None and imo_is_right(report.imo_no):
            by_imo[report.imo_no].add(report.mmsi)
        if report.callsign and report.name:
            by_call[report.callsign, report.name].add(report.mmsi)
    found = {
        Suggestion(f"imo:{imo_no}", f"mmsi:{mmsi:09}", "both in its own static data")
        for imo_no, numbers in by_imo.items()
        for mmsi in numbers
    }
    for (callsign, name), numbers in by_call.items():
        first, *others = sorted(numbers)
        found |= {
            Suggestion(f"mmsi:{first:09}", f"mmsi:{mmsi:09}", f"one call sign and name: {callsign}, {name}")
            for mmsi in others
        }
    return tuple(sorted(found, key=lambda each: (each.identity_a, each.identity_b, each.basis)))
