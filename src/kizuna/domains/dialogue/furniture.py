"""The words around the facts of a brief, in English, Japanese and Hindi. What parties said stays in the language in which they said it."""

from __future__ import annotations

# ruff: noqa: RUF001 # Japanese sentences take Japanese punctuation

LANGUAGES = ("en", "ja", "hi")

_WORDS: dict[str, tuple[str, str, str]] = {
    "title": ("Brief: {title}", "会合準備資料：{title}", "बैठक हेतु संक्षिप्त विवरण: {title}"),
    "next": ("Next meeting: {when}, {place}", "次回会合：{when}、{place}", "अगली बैठक: {when}, {place}"),
    "next-open": (
        "Next meeting: not yet agreed",
        "次回会合：日程未定",
        "अगली बैठक: तिथि अभी तय नहीं",
    ),
    "next-host": ("Host if the two go on alternating: {party}", "交互開催の場合の次回主催：{party}", "बारी-बारी से आयोजन हो तो अगला मेज़बान: {party}"),
    "last": (
        "Last meeting seen: {when}, {place}; {days} days ago",
        "直近の会合（確認できたもの）：{when}、{place}（{days}日前）",
        "पिछली ज्ञात बैठक: {when}, {place}; {days} दिन पहले",
    ),
    "last-none": ("No earlier meeting seen", "過去の会合は確認できていません", "कोई पिछली बैठक ज्ञात नहीं"),
    "period": ("Period: {first} to {last}", "対象期間：{first}から{last}まで", "अवधि: {first} से {last} तक"),
    "overdue": ("Overdue", "期限を過ぎた合意事項", "समय-सीमा पार कर चुकी प्रतिबद्धताएँ"),
    "promised": ("Promised in the period", "期間中の合意事項", "इस अवधि में की गई प्रतिबद्धताएँ"),
    "open": ("Open from before", "従来から継続中の合意事項", "पहले से लंबित प्रतिबद्धताएँ"),
    "happened": ("What happened in the period", "期間中の主な動き", "इस अवधि की गतिविधियाँ"),
    "raise": ("To raise", "提起すべき事項", "उठाने योग्य विषय"),
    "positions": (
        "Positions voiced last time (not commitments)",
        "前回表明された立場（合意事項ではないもの）",
        "पिछली बार व्यक्त विचार (प्रतिबद्धताएँ नहीं)",
    ),
    "milestones": ("Milestones", "マイルストーン", "प्रमुख पड़ाव"),
    "nothing": ("None known here.", "該当なし（本ノードで把握している範囲）。", "यहाँ कोई ज्ञात नहीं।"),
    "commitment": ("Commitment", "合意事項", "प्रतिबद्धता"),
    "since": ("First promised", "最初の合意日", "पहली बार कब"),
    "owner-own": ("Our owner", "自国側の担当", "हमारा उत्तरदायी कार्यालय"),
    "owner-other": ("Their owner", "相手国側の担当", "दूसरे पक्ष का उत्तरदायी कार्यालय"),
    "due": ("Due", "期限", "नियत तिथि"),
    "state": ("State", "状況", "स्थिति"),
    "days-open": ("Days open", "経過日数", "लंबित दिन"),
    "days-late": ("Days late", "超過日数", "विलंब (दिन)"),
    "when": ("When", "時期", "कब"),
    "what": ("What", "内容", "क्या"),
    "where": ("Where", "場所", "कहाँ"),
    "kind": ("Kind", "種別", "प्रकार"),
    "milestone": ("Milestone", "マイルストーン", "पड़ाव"),
    "party": ("Owner", "担当国", "उत्तरदायी पक्ष"),
    "baseline": ("Baseline", "当初計画", "मूल योजना"),
    "forecast": ("Forecast", "現在の見込み", "वर्तमान अनुमान"),
    "slipped": ("Slipped by (days)", "遅れ（日）", "मूल योजना से अंतर (दिन)"),
    "open-due": ("open", "期限なし", "तिथि तय नहीं"),
    "nobody": ("none named", "未指定", "नामित नहीं"),
    "unknown-place": ("place not known", "場所不明", "स्थान अज्ञात"),
    "cited": ("from public sources", "公開情報による", "सार्वजनिक स्रोतों से"),
    "foot": (
        "Made by kizuna on {day} from the records of {party}. What is not listed is unknown here, not absent.",
        "{day}に{party}の記録からkizunaが作成。記載がないことは、事実がないことを意味しません。",
        "kizuna ने {day} को {party} के अभिलेखों से बनाया। जो सूची में नहीं है वह यहाँ अज्ञात है, अनुपस्थित नहीं।",
    ),
    "raise-overdue": (
        "{name} is {days} days late: ask for a new day, or close it together.",
        "{name}は期限を{days}日過ぎています。新たな期限を求めるか、双方で終了とすることを提起します。",
        "{name} {days} दिन विलंब से है: नई तिथि माँगें, या मिलकर इसे समाप्त करें।",
    ),
    "raise-owner": (
        "{name}: {party} has named no owner.",
        "{name}：{party}側の担当が指定されていません。",
        "{name}: {party} ने कोई उत्तरदायी कार्यालय नामित नहीं किया है।",
    ),
    "raise-signature": (
        "{name} waits for the signature of {party}.",
        "{name}は{party}の署名待ちです。",
        "{name} पर {party} के हस्ताक्षर की प्रतीक्षा है।",
    ),
    "raise-accept": (
        "{name} is claimed done: accept it or say what is missing.",
        "{name}は完了と報告されています。受け入れるか、不足点を示す必要があります。",
        "{name} पूर्ण बताई गई है: स्वीकार करें या बताएँ कि क्या शेष है।",
    ),
    "raise-scores": (
        "{name}: the two sides score it differently ({scores}).",
        "{name}：双方の評価が異なります（{scores}）。",
        "{name}: दोनों पक्षों का मूल्यांकन अलग है ({scores})।",
    ),
    "raise-vanished": (
        "{name} was open, and the last report says nothing of it.",
        "{name}は継続中でしたが、前回の報告に記載がありません。",
        "{name} लंबित थी, पर पिछली रिपोर्ट में उसका उल्लेख नहीं है।",
    ),
    "raise-no-date": (
        "{name} has been open for {days} days without a day by which it is due: propose one.",
        "{name}は期限のないまま{days}日経過しています。期限を提案します。",
        "{name} {days} दिनों से बिना नियत तिथि के लंबित है: एक तिथि प्रस्तावित करें।",
    ),
    "raise-slipped": (
        "Milestone {name} has slipped by {days} days.",
        "マイルストーン「{name}」は当初計画から{days}日遅れています。",
        "पड़ाव {name} मूल योजना से {days} दिन पीछे है।",
    ),
}  # fmt: skip

_STATES: dict[str, tuple[str, str, str]] = {
    "identified": ("identified", "確認待ち", "चिह्नित"),
    "confirmed": ("confirmed", "確認済み", "पुष्ट"),
    "assigned": ("assigned", "担当指定済み", "सौंपी गई"),
    "in_progress": ("in progress", "実施中", "प्रगति पर"),
    "claimed_done": ("claimed done", "完了報告あり", "पूर्ण होने का दावा"),
    "accepted_done": ("accepted as done", "完了受入れ済み", "पूर्ण स्वीकृत"),
    "verified": ("verified", "検証済み", "सत्यापित"),
    "superseded": ("superseded", "置換え", "प्रतिस्थापित"),
    "dropped": ("dropped", "取りやめ", "छोड़ी गई"),
    "lapsed": ("past its day", "期限経過", "समय-सीमा बीती"),
    "conflict": ("in conflict", "不一致", "मतभेद में"),
    "open": ("open", "継続中", "लंबित"),
    "standing": ("standing", "常時継続", "सतत"),
    "unknown": ("unknown", "不明", "अज्ञात"),
    "fulfilled": ("fulfilled", "履行済み", "पूर्ण"),
    "fulfilled-late": ("fulfilled late", "遅れて履行", "विलंब से पूर्ण"),
    "proposed": ("proposed", "提案中", "प्रस्तावित"),
    "planned": ("planned", "計画", "नियोजित"),
    "active": ("under way", "進行中", "जारी"),
    "at_risk": ("at risk", "遅延のおそれ", "जोखिम में"),
    "slipped": ("slipped", "遅延", "विलंबित"),
    "done": ("done", "達成", "पूर्ण"),
    "cancelled": ("cancelled", "中止", "रद्द"),
}
_KINDS: dict[str, tuple[str, str, str]] = {
    "meeting": ("meeting", "会合", "बैठक"),
    "document": ("document exchanged", "文書の提供・説明", "दस्तावेज़ का आदान-प्रदान"),
    "exercise": ("exercise", "共同訓練", "अभ्यास"),
}
_PARTIES: dict[str, tuple[str, str, str]] = {"ind": ("India", "インド", "भारत"), "jpn": ("Japan", "日本", "जापान")}


def _in(table: dict[str, tuple[str, str, str]], word: str, language: str) -> str:
    found = table.get(word)
    return word if found is None else found[LANGUAGES.index(language) if language in LANGUAGES else 0]


def word(name: str, language: str, /, **values: object) -> str:
    """Return a word or sentence of the furniture; English where the language is none of `LANGUAGES`."""
    return _in(_WORDS, name, language).format(**values)


def state(name: str, language: str) -> str:
    """Return the name of a state; as it is where there is no word for it."""
    return _in(_STATES, name, language)


def kind(name: str, language: str) -> str:
    """Return the name of a kind of happening; as it is where there is no word for it."""
    return _in(_KINDS, name, language)


def party(name: str, language: str) -> str:
    """Return a party's name; its id where there is no word for it."""
    return _in(_PARTIES, name, language)
