"""Someone who has just typed `kizuna demo` opens the two links: traffic, a partner's traffic, and the clause that held something back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import driving
from tests.browser.conftest import Sides

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
PASSWORD = "correct horse battery staple"
PALETTES = ("day", "dusk", "night")


def test_both_browsers_show_own_and_partners_traffic(sides: Sides) -> None:
    for side in ("India", "Japan"):
        officer = sides.officer(side)
        page = officer.open("/picture")
        assert driving.drawn(page) > 0
        expect(page.locator("#live")).to_have_text("live")
        expect(page.locator("#count")).to_have_text(re.compile(r"\d+ of \d+ shown"))
        for origin in ("own", "partner"):
            page.locator("#filter-origin").select_option(origin)
            page.get_by_role("button", name="Zoom out").click()
            page.get_by_role("button", name="Zoom out").click()
            told = {"own": "own", "partner": "partner's"}[origin]
            expect(page.locator("#contacts button").first).to_contain_text(told)
        assert not officer.faults
        assert not officer.foreign


def test_the_chart_is_not_blank(sides: Sides) -> None:
    """A chart whose worker did not start is served with status 200 and shows nothing: so the pixels are counted."""
    page = sides.officer("India").open("/picture")
    driving.drawn(page)
    found = driving.colours(page, ".sea")
    palette = page.evaluate(
        "['sea', 'land', 'own'].map((name) => getComputedStyle(document.body).getPropertyValue('--' + name).trim())"
    )
    sea, land, own = (found.get(colour, 0) for colour in palette)
    assert sea > 50_000
    assert land > 20_000
    assert own > 100


def test_what_was_withheld_names_its_clause(sides: Sides) -> None:
    officer = sides.officer("India")
    page = officer.open("/withheld")
    row = page.locator("tr", has_text="maritime.own-unit-batch.v1")
    expect(row).to_contain_text("Positions of India's own units are not passed on.")
    row.get_by_role("link", name="Which?").click()
    page.get_by_role("link", name="Why?").first.click()
    why = page.locator("section.note.refused")
    expect(why).to_contain_text("no-own-units-to-jpn")
    expect(why).to_contain_text("holds")
    assert not officer.faults


def test_a_vessel_is_followed_to_who_said_what(sides: Sides) -> None:
    officer = sides.officer("India")
    page = officer.open("/picture")
    driving.drawn(page)
    page.locator("#filter-origin").select_option("own")
    first = page.locator("#contacts button").first
    first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="All that is known").click()
    expect(page.get_by_role("heading", name="Identity: who said what, and when")).to_be_visible()
    expect(page.get_by_role("heading", name="Last positions")).to_be_visible()
    expect(page.locator("tbody tr").first).to_contain_text("India")
    assert not officer.faults


def test_the_link_counts_once(sides: Sides) -> None:
    officer = sides.officer("India")
    officer.page.context.clear_cookies()
    assert officer.page.goto(sides.demo.link["India"]).status == 403  # type: ignore[union-attr] # a page always answers
    assert officer.page.goto(f"{officer.base}/picture").url.endswith("/signin")  # type: ignore[union-attr] # the same


def test_axe_finds_nothing_where_a_vessel_is_chosen_or_nobody_is_signed_in(sides: Sides) -> None:
    """The other pages are walked in `test_every_page.py`."""
    found = {}
    for palette in PALETTES:
        officer = sides.officer("India", palette=palette)
        page = officer.open("/picture")
        driving.drawn(page)
        page.locator("#contacts button").first.click()
        page.locator("#contact .card").wait_for()
        found[f"{palette} /picture"] = driving.violations(page)
        page.context.clear_cookies()
        driving.look(page.context, officer.base, palette)
        found[f"{palette} /signin"] = driving.violations(officer.open("/signin"))
        assert not officer.faults
    assert not {path: faults for path, faults in found.items() if faults}


def test_the_fonts_of_all_languages_come_from_the_node(sides: Sides) -> None:
    for language, sample, family in (
        ("ja", "海洋状況図", "Noto Sans JP Variable"),
        ("hi", "स्थिति चित्र", "Noto Sans Variable"),
    ):
        officer = sides.officer("Japan", language=language)
        page = officer.open("/channels")
        page.evaluate("document.fonts.ready")
        assert page.evaluate("([family, text]) => document.fonts.check(`16px '${family}'`, text)", [family, sample])
        assert [url for url in officer.requests if url.endswith(".woff2")]
        assert not officer.foreign


def test_the_keyboard_alone_reaches_everything(sides: Sides) -> None:
    page = sides.officer("India").open("/channels")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.wait_for_url(re.compile("/(channels|desk|picture)"))
    expect(page.locator("summary").first).to_contain_text("Liaison officer")


def test_a_passkey_is_made_and_signs_in(sides: Sides) -> None:
    """Stands last: the account's other sessions end with its first passkey."""
    officer = sides.officer("Japan")
    page, context = officer.page, officer.page.context
    assert "browsers keep them for names" in officer.open("/passkeys").locator("main").inner_text()
    (cookie,) = (each for each in context.cookies() if each["httpOnly"])
    context.clear_cookies()
    base = officer.base.replace("127.0.0.1", "localhost")
    context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": base}])
    device = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }  # fmt: skip
    tools = context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    page.goto(f"{base}/password")
    for field in ("New password", "New password again"):
        page.get_by_label(field, exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Keep it").click()
    page.wait_for_url(f"{base}/picture")
    page.goto(f"{base}/passkeys")
    page.get_by_label("Which device is it?").fill("Bridge tablet")
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.locator("main")).to_contain_text("never used yet")
    context.clear_cookies()
    page.goto(f"{base}/signin")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{base}/picture")
    page.goto(f"{base}/passkeys")
    expect(page.locator("main")).to_contain_text("last used")
    assert not officer.faults
