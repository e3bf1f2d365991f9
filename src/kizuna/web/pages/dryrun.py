"""Dry run: if something were labelled so, who would get what; side by side, as each partner would see it. Nothing is said by it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RecordError
from kizuna.kernel.label import MAX_CLASSIFICATION, Grade, Label
from kizuna.kernel.record import Record
from kizuna.node.acts import rehearsing
from kizuna.node.acts.rehearsing import PAYLOAD
from kizuna.web import reads
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError
from kizuna.web.pages.page import Pages, View, route
from kizuna.web.pages.rehearsals import Tried, tried


def dryrun_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the route of the dry run."""

    @get("/channels/dry-run", **route(pages, OFFICERS), sync_to_thread=True)
    def dry_run(request: Call) -> Response[str]:
        view = pages.view(request)
        asked: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            asked.setdefault(name, []).append(value.strip())
        one = {name: values[0] for name, values in asked.items()}
        world = view.office.node.core.world
        found, refused, held = None, "", None
        try:
            held = _held(view, one.get("record", ""))
            if one.get("type") or held is not None:
                found = _tried(view, held, one.get("type", ""), _label(view, held, one, asked))
        except NotHeldError:
            raise
        except KizunaError as error:
            refused = str(error)
        parties = sorted({partner.party for partner in world.partners.values()})
        purposes = sorted({p for a in view.agreements for clause in a.instrument.provisions for p in clause.purposes})
        return view.page(
            "dryrun.html", found=found, refused=refused, one=one, asked=asked, types=sorted(world.classes), parties=parties,
            purposes=purposes, policy=world.grade.policy, label=held.label if held is not None else None, strip=len(PAYLOAD),
        )  # fmt: skip

    return [dry_run]


def _held(view: View, record: str) -> Record | None:
    if not record:
        return None
    if not view.sight.record(record):
        raise NotHeldError("no such record is held")
    return reads.held_record(view.node, record)


def _label(view: View, held: Record | None, one: Mapping[str, str], asked: Mapping[str, list[str]]) -> Label:
    """Return the label that is tried: what is said of it, and what is not said as a held record has it."""
    world = view.office.node.core.world
    text = one.get("level", "")
    if text and not (text.isdecimal() and int(text) <= MAX_CLASSIFICATION):
        raise RecordError(f"grade `{text[:20]}` is no number from 0 to {MAX_CLASSIFICATION}")
    base = held.label if held is not None else Label(
        (world.grade,), frozenset({world.identity.party}), frozenset(), frozenset()
    )  # fmt: skip
    tried_before = "tried" in one
    level = {world.grade.policy: int(text)} if text else {}
    return msgspec.structs.replace(
        base,
        grades=tuple(
            Grade(grade.policy, level.get(grade.policy, grade.classification), grade.caveats) for grade in base.grades
        ),
        releasable_to=frozenset(asked.get("to", ())) if tried_before else base.releasable_to,
        purposes=frozenset(asked.get("purpose", ())) if tried_before else base.purposes,
        review_by=one.get("review_by") or base.review_by,
    )


def _tried(view: View, held: Record | None, type_: str, label: Label) -> Tried:
    world = view.office.node.core.world
    if held is None:
        return tried(view, rehearsing.of_type(world, type_, label, view.now_ms))
    return tried(view, rehearsing.relabelled(world, held, label, view.now_ms))
