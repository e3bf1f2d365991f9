"""Comparing a card with the fingerprint that its people have read out."""

from __future__ import annotations

from kizuna.errors import SignatureError
from kizuna.kernel import keys


def compare(card: bytes, fingerprint: str) -> None:
    """Accept a card whose fingerprint is the one that the partner has read out.

    Raises:
        RecordError: the card is malformed.
        SignatureError: its root did not sign its keys, or the fingerprint is another's.
    """
    keys.read_card(card)
    if plain(fingerprint) != plain(keys.fingerprint(card)):
        raise SignatureError(
            "the fingerprint is not this card's: compare it again by voice, the card may have been swapped"
        )


def plain(fingerprint: str) -> str:
    """Return a fingerprint without the spaces and dashes that people put between its groups."""
    return "".join(fingerprint.lower().replace("-", " ").split())
