"""A release decision in words, in three languages: what was decided, which instrument was consulted, what it would take.

The reasons are those of `kizuna.kernel.release`, found by the same code; here they only become sentences.
"""

# ruff: noqa: RUF001 # Japanese sentences take Japanese punctuation

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from kizuna.kernel.instrument import Agreement
from kizuna.kernel.release import Consulted, Index, ReleaseDecision, ReleaseHeader

LANGUAGES = ("en", "ja", "hi")


class Explanation(msgspec.Struct, frozen=True):
    """Why a record may or may not go to a partner; `consulted` are the clauses that were looked at, in words."""

    permit: bool
    reason: str
    sentence: str
    consulted: tuple[tuple[str, str, str], ...]
    """Instrument id, provision id, and what that clause says of the record."""
    remedy: str


_SENTENCES: dict[str, tuple[str, str, str]] = {
    "permits": (
        "`{type}` may go to `{recipient}` for `{purpose}` under `{provision}` of {instrument}",
        "`{type}`は{instrument}の`{provision}`に基づき、目的`{purpose}`のため`{recipient}`に提供できます",
        "`{type}` को {instrument} के `{provision}` के अंतर्गत `{purpose}` के लिए `{recipient}` को दिया जा सकता है",
    ),
    "provision": (
        "`{provision}` of {instrument} holds `{type}` back from `{recipient}`",
        "{instrument}の`{provision}`により、`{type}`は`{recipient}`に提供できません",
        "{instrument} का `{provision}` `{type}` को `{recipient}` के लिए रोकता है",
    ),
    "no-instrument": (
        "no instrument with `{recipient}` is in force; consulted: {instrument}",
        "`{recipient}`との間で効力を有する取決めがありません（確認したもの：{instrument}）",
        "`{recipient}` के साथ कोई लिखत प्रवृत्त नहीं है; देखा गया: {instrument}",
    ),
    "no-provision": (
        "no provision of {instrument} that is open now lets `{type}` go to `{recipient}`",
        "{instrument}には、`{type}`を`{recipient}`に提供できる有効な条項がありません",
        "{instrument} का कोई खुला उपबंध `{type}` को `{recipient}` को देने की अनुमति नहीं देता",
    ),
    "level": (
        "its grade, translated by {instrument}, is above what `{provision}` allows",
        "{instrument}により換算した秘密区分が、`{provision}`の上限を超えています",
        "{instrument} के अनुसार इसकी श्रेणी `{provision}` की सीमा से ऊपर है",
    ),
    "releasability": (
        "its label does not name `{recipient}` as releasable; consulted: {instrument}",
        "ラベルの提供先に`{recipient}`が含まれていません（確認したもの：{instrument}）",
        "इसका लेबल `{recipient}` को देने योग्य नहीं बताता; देखा गया: {instrument}",
    ),
    "purpose": (
        "its label and `{provision}` of {instrument} share no such purpose",
        "ラベルの目的が{instrument}の`{provision}`の目的と一致しません",
        "इसके लेबल और {instrument} के `{provision}` का ऐसा कोई साझा प्रयोजन नहीं है",
    ),
    "expired": (
        "its label or {instrument} is not in force at this moment, or the record is from before it was",
        "ラベルまたは{instrument}がこの時点で効力を有しないか、記録がその効力期間外のものです",
        "इसका लेबल या {instrument} इस समय प्रवृत्त नहीं है, या अभिलेख उसकी अवधि के बाहर का है",
    ),
    "no-equivalence": (
        "{instrument} has no row that translates its marking for `{provision}`",
        "{instrument}には、`{provision}`のために秘密区分を換算する行がありません",
        "{instrument} में `{provision}` के लिए इसके अंकन की कोई समतुल्य पंक्ति नहीं है",
    ),
    "no-consent": (
        "it holds a third party's information, whose consent to pass it on under {instrument} is not at hand",
        "第三者の情報を含み、{instrument}の下で転送するための発信者の同意がありません",
        "इसमें तीसरे पक्ष की जानकारी है, जिसकी {instrument} के अंतर्गत आगे देने की सहमति नहीं है",
    ),
}
_REMEDIES: dict[str, tuple[str, str, str]] = {
    "permits": ("", "", ""),
    "provision": (
        "ask both parties to change the clause",
        "両当事者に条項の変更を求めてください",
        "दोनों पक्षों से उपबंध बदलने को कहें",
    ),
    "delay": (
        "wait until its delay is over: {until}",
        "遅延期間の終了（{until}）をお待ちください",
        "विलंब समाप्त होने तक प्रतीक्षा करें: {until}",
    ),
    "no-instrument": (
        "an instrument of known entry into force, signed by both parties, is needed",
        "発効日が明らかで、両当事者が署名した取決めが必要です",
        "ज्ञात प्रवर्तन तिथि वाला, दोनों पक्षों द्वारा हस्ताक्षरित लिखत चाहिए",
    ),
    "no-provision": (
        "both parties must sign a version that names this record type, or open its scope",
        "この記録種別を定める版に両当事者が署名するか、適用範囲を開く必要があります",
        "दोनों पक्ष इस अभिलेख प्रकार वाला संस्करण हस्ताक्षरित करें, या उसका दायरा खोलें",
    ),
    "level": (
        "only its originator can downgrade it; a lower-graded extract may go",
        "格下げは発信者のみが行えます。区分の低い抜粋は提供できる場合があります",
        "केवल प्रवर्तक इसकी श्रेणी घटा सकता है; निम्न श्रेणी का सार दिया जा सकता है",
    ),
    "releasability": (
        "its originator must relabel it, by two persons, to name the recipient",
        "発信者が二名の承認により提供先を加えてラベルを付け直す必要があります",
        "प्रवर्तक को दो व्यक्तियों द्वारा प्राप्तकर्ता का नाम जोड़कर लेबल बदलना होगा",
    ),
    "purpose": (
        "name a purpose that both the label and the provision carry",
        "ラベルと条項の双方にある目的を指定してください",
        "ऐसा प्रयोजन बताएं जो लेबल और उपबंध दोनों में हो",
    ),
    "expired": (
        "review the label, or wait until the instrument is in force again; what was made outside its term does not go by itself",
        "ラベルを見直すか、取決めの効力の回復を待ってください。期間外の記録は自動では提供されません",
        "लेबल की समीक्षा करें या लिखत के पुनः प्रवृत्त होने की प्रतीक्षा करें; अवधि के बाहर का अभिलेख स्वतः नहीं जाता",
    ),
    "no-equivalence": (
        "both parties must agree on a row for this grade and its caveats",
        "両当事者がこの区分と注記の換算に合意する必要があります",
        "दोनों पक्षों को इस श्रेणी और उसकी शर्तों की पंक्ति पर सहमत होना होगा",
    ),
    "no-consent": (
        "ask the originator for a signed consent that names this recipient, purpose and these fields",
        "提供先・目的・項目を明記した署名済みの同意を発信者に求めてください",
        "प्रवर्तक से इस प्राप्तकर्ता, प्रयोजन और क्षेत्रों वाली हस्ताक्षरित सहमति मांगें",
    ),
}
_EXAMPLE = (
    " (example rule, part of no agreement)",
    "（例示規則であり、いかなる取決めの一部でもありません）",
    " (उदाहरण नियम, किसी समझौते का अंग नहीं)",
)
_NONE = ("none", "なし", "कोई नहीं")
_STOPS = (".", "。", "।")


def explain(
    index: Index,
    header: ReleaseHeader,
    recipient: str,
    now_ms: int,
    language: str = "en",
    purpose: str = "",
    *,
    ruled: ReleaseDecision | None = None,
) -> Explanation:
    """Return the decision about the record now, in words of the language (`en`, `ja`, `hi`; else English).

    The decision is the index's, or `ruled` where a clause's obligations were held against what is in the record.
    """
    at = LANGUAGES.index(language) if language in LANGUAGES else 0
    decision = ruled or index.decide(header, recipient, now_ms, purpose)
    key = "permits" if decision.permit else decision.reason.partition(":")[0]
    agreements = index.with_party(recipient)
    provision = decision.provision or _NONE[at]
    words = {
        "type": header.type,
        "recipient": recipient,
        "provision": provision,
        "purpose": decision.purpose,
        "instrument": _instruments(decision, agreements) or _NONE[at],
    }
    consulted = index.consult(header, recipient, now_ms, purpose)
    example = _EXAMPLE[at] if _rests_on_example(decision, consulted, agreements) else ""
    sentence = _SENTENCES[key][at].format(**words) + example + _STOPS[at]
    waits = key == "provision" and decision.not_before_ms > now_ms
    remedy = _REMEDIES["delay" if waits else key][at].format(until=_instant(decision.not_before_ms))
    return Explanation(
        permit=decision.permit,
        reason=decision.reason,
        sentence=sentence[:1].upper() + sentence[1:],
        consulted=tuple((c.instrument, c.provision, c.why) for c in consulted) + _not_in_force(agreements),
        remedy=remedy[:1].upper() + remedy[1:] + _STOPS[at] if remedy else "",
    )


def _instant(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _instruments(decision: ReleaseDecision, agreements: tuple[Agreement, ...]) -> str:
    if decision.instrument:
        titles = [a.instrument.title for a in agreements if a.instrument.id == decision.instrument]
        return f'"{titles[0]}"' if titles else f"`{decision.instrument}`"
    in_force = [agreement for agreement in agreements if agreement.in_force] or list(agreements)
    return ", ".join(f'"{agreement.instrument.title}"' for agreement in in_force[:3])


def _rests_on_example(
    decision: ReleaseDecision, consulted: tuple[Consulted, ...], agreements: tuple[Agreement, ...]
) -> bool:
    if decision.provision:
        named = [c for c in consulted if (c.instrument, c.provision) == (decision.instrument, decision.provision)]
        return any(c.basis == "example" for c in named)
    return any(agreement.instrument.basis == "example" for agreement in agreements if agreement.in_force)


def _not_in_force(agreements: tuple[Agreement, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((agreement.instrument.id, "", agreement.note) for agreement in agreements if agreement.note)
