"""Personal data that ends: a record of the handling class `personal` whose `retain_until` has passed loses its bodies, by journalled acts.

What is ours is destroyed at every holder, as its originator may; what is a partner's is erased here alone. The day is the record's own fact; where it
was not disclosed, or a step of a case has none, nothing is erased by itself. Officers' accounts end in `kizuna.node.accounts`.
"""

from __future__ import annotations

from collections.abc import Callable

from kizuna.node import effects as fx
from kizuna.node import erasing
from kizuna.node.effects import Effect
from kizuna.node.world import World

ACTOR = "system:retention"
_REASON = "personal data whose day has passed"
_EVERY_MS = 60_000
_AT_ONCE = 200


class Retaining:
    """Ends what is to end. `destroy` destroys a record of ours at every holder."""

    def __init__(self, world: World, destroy: Callable[[fx.Act, int, int], list[Effect]]) -> None:
        self._world = world
        self._destroy = destroy
        self._looked_ms = 0

    def due(self, now_ms: int) -> list[Effect]:
        """Return what erases the bodies that are to be erased by now; looked for once a minute."""
        if 0 <= now_ms - self._looked_ms < _EVERY_MS:
            return []
        self._looked_ms = now_ms
        rows = self._world.store.query(
            "SELECT t.record_id, r.own, r.standing FROM retained t JOIN record r ON r.id = t.record_id WHERE t.ends_ms <= ?"
            " ORDER BY t.ends_ms, t.record_id LIMIT ?",
            (now_ms, _AT_ONCE),
        )
        effects: list[Effect] = []
        for record_id, own, standing in rows:
            if own and standing != "destroy":
                if record_id not in self._world.withdrawn:
                    effects += self._destroy(fx.Act(record_id, "destroy", _REASON, ACTOR), 0, now_ms)
            else:
                effects += erasing.erase(self._world, record_id, _REASON, now_ms)
        return effects
