"""The words of the printed forms in English, Japanese and Hindi: our own layout and wording, for the form that the parties use was not found."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("ja", "hi")
WORDS: Mapping[str, tuple[str, str, str]] = {
    "order": ("Order for supplies and services", "物品・役務発注書", "आपूर्ति और सेवा आदेश"),
    "receipt": ("Delivery receipt", "受領書", "प्राप्ति रसीद"),
    "letter": ("Discrepancy report", "数量・品質相違通知書", "विसंगति सूचना"),
    "statement": ("Statement of account", "勘定明細書", "खाता विवरण"),
    "parties": ("Parties", "当事者", "पक्ष"),
    "requester": ("Requesting party", "要請側", "अनुरोधकर्ता पक्ष"),
    "provider": ("Providing party", "提供側", "प्रदाता पक्ष"),
    "requesting_unit": ("Requesting unit", "要請部隊", "अनुरोधकर्ता इकाई"),
    "providing_unit": ("Providing unit", "提供部隊", "प्रदाता इकाई"),
    "arrangement": ("Agreement", "根拠協定", "समझौता"),
    "activity": ("Activity", "活動", "गतिविधि"),
    "activity_ref": ("Exercise or operation", "訓練・任務名", "अभ्यास या अभियान"),
    "order_no": ("Order number", "発注番号", "आदेश संख्या"),
    "state": ("State", "状態", "स्थिति"),
    "place": ("Place", "場所", "स्थान"),
    "window": ("Delivery window (UTC)", "納入期間(UTC)", "सुपुर्दगी अवधि (UTC)"),
    "method": ("Method of settlement", "決済方法", "निपटान विधि"),
    "currency": ("Currency", "通貨", "मुद्रा"),
    "total": ("Total", "合計", "कुल"),
    "lines": ("Lines", "明細", "मदें"),
    "line_no": ("No.", "番号", "क्रम"),
    "category": ("Category", "区分", "श्रेणी"),
    "description": ("Description", "品名", "विवरण"),
    "nsn": ("Stock number", "物品番号", "भंडार संख्या"),
    "unit": ("Unit", "単位", "इकाई"),
    "basis": ("Counted", "計量基準", "मापन आधार"),
    "ordered": ("Ordered", "発注数量", "आदेशित"),
    "offered": ("Offered", "提示数量", "प्रस्तावित"),
    "delivered": ("Delivered", "納入数量", "सुपुर्द"),
    "accepted": ("Accepted", "受領数量", "स्वीकृत"),
    "unit_price": ("Unit price", "単価", "इकाई मूल्य"),
    "discrepancy": ("Discrepancy", "相違", "विसंगति"),
    "temperature": ("Temperature (°C)", "温度(°C)", "तापमान (°C)"),
    "density": ("Density (kg/m³)", "密度(kg/m³)", "घनत्व (kg/m³)"),
    "measured": ("As measured", "実測", "मापे अनुसार"),
    "signed": ("Signed records", "署名記録", "हस्ताक्षरित अभिलेख"),
    "step": ("Step", "手続", "चरण"),
    "party": ("Party", "当事者", "पक्ष"),
    "officer": ("Officer", "担当官", "अधिकारी"),
    "at": ("At (UTC)", "日時(UTC)", "समय (UTC)"),
    "record": ("Record", "記録番号", "अभिलेख"),
    "for_requester": ("For the requesting party", "要請側署名", "अनुरोधकर्ता पक्ष की ओर से"),
    "for_provider": ("For the providing party", "提供側署名", "प्रदाता पक्ष की ओर से"),
    "missing": ("Missing", "不足数量", "कमी"),
    "remark": ("Remark", "備考", "टिप्पणी"),
    "partner": ("Partner", "相手方", "साझेदार"),
    "year": ("Fiscal year", "会計年度", "वित्त वर्ष"),
    "entry": ("Entry", "摘要", "प्रविष्टि"),
    "debit": ("They owe more", "相手方債務増", "उनका देय बढ़ा"),
    "credit": ("They owe less", "相手方債務減", "उनका देय घटा"),
    "open": ("Open", "残高", "शेष"),
    "totals": ("Totals", "集計", "योग"),
    "none": ("none", "なし", "कोई नहीं"),
}


def both(name: str, language: str) -> tuple[str, str]:
    """Return a word in English and in a second language."""
    return WORDS[name][0], WORDS[name][1 + LANGUAGES.index(language)]
