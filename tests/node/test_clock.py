"""The wall clock is believed until it is stepped."""

from __future__ import annotations

from kizuna.node.clock import SETTLE_MS, STEP_MS, SystemClock, kernel_synchronised


class Hands:
    """A wall clock and a steady one, in milliseconds."""

    def __init__(self) -> None:
        self.wall_ms = 1_790_000_000_000
        self.steady_ms = 5_000

    def clock(self, *, required: bool = False, synchronised: bool | None = None) -> SystemClock:
        return SystemClock(
            wall_ns=lambda: self.wall_ms * 1_000_000,
            steady_ns=lambda: self.steady_ms * 1_000_000,
            require_synchronised=required,
            synchronised=lambda: synchronised,
        )

    def pass_(self, ms: int, stepped_ms: int = 0) -> None:
        self.steady_ms += ms
        self.wall_ms += ms + stepped_ms


def test_time_that_passes_is_not_doubted() -> None:
    hands = Hands()
    clock = hands.clock()
    for _ in range(100):
        hands.pass_(10_000, 20)  # a time service corrects a drift
        assert not clock.in_doubt()
    assert clock.now_ms() == hands.wall_ms


def test_a_step_either_way_is_doubted_until_it_has_settled() -> None:
    for step_ms in (STEP_MS + 1, -STEP_MS - 1, 86_400_000):
        hands = Hands()
        clock = hands.clock()
        hands.pass_(1_000, step_ms)
        assert clock.in_doubt()
        hands.pass_(SETTLE_MS - 1)
        assert clock.in_doubt()
        hands.pass_(1)
        assert not clock.in_doubt()


def test_where_a_time_service_is_required_only_its_word_counts() -> None:
    assert Hands().clock(required=True, synchronised=False).in_doubt()
    assert Hands().clock(required=True, synchronised=None).in_doubt()
    assert not Hands().clock(required=True, synchronised=True).in_doubt()
    assert not Hands().clock(required=False, synchronised=False).in_doubt()


def test_the_kernel_answers_or_says_nothing() -> None:
    assert kernel_synchronised() in {True, False, None}
    assert SystemClock().now_ms() > 1_700_000_000_000
