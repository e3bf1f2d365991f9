"""The bundled facts of the India-Japan partnership about pledges and industry; what they do not list is unknown, not absent."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from kizuna.domains.training.records import IndustryStated, PledgeStated


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The facts of a partnership."""

    pledges: tuple[PledgeStated, ...]
    industry: tuple[IndustryStated, ...]


def bundled() -> Bundle:
    """Return the bundled facts, each with its sources."""
    data = (files(__package__) / "bundled" / "india-japan.json").read_bytes()
    return msgspec.json.decode(data, type=Bundle)
