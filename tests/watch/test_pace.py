"""How soon the next message may follow in a channel."""

from bot.watch.pace import Buckets, Pace
from tests.fakes import SimulatedClock


def post(pace, clock, channel="C1"):
    """Wait for the next message to *channel*, take it from the bucket, and return how long that took."""
    wait = max(0.0, pace.next(channel) - clock.monotonic())
    clock.wait(wait)
    pace.spend(channel)
    return wait


def test_five_messages_need_not_wait_and_those_after_them_follow_at_the_pace():
    clock = SimulatedClock()
    pace = Pace(2.0, clock)
    assert [post(pace, clock) for _ in range(8)] == [0.0] * 5 + [2.0] * 3


def test_the_bucket_refills_by_one_at_each_pace_and_holds_no_more_than_five():
    clock = SimulatedClock()
    pace = Pace(2.0, clock)
    for _ in range(5):
        post(pace, clock)
    clock.pass_by(4.0)
    assert [post(pace, clock) for _ in range(3)] == [0.0, 0.0, 2.0]
    clock.pass_by(1_000.0)
    assert [post(pace, clock) for _ in range(6)] == [0.0] * 5 + [2.0]


def test_a_rate_limit_empties_the_bucket():
    clock = SimulatedClock()
    pace = Pace(2.0, clock)
    post(pace, clock)
    pace.drain("C1", 30.0)
    assert [post(pace, clock) for _ in range(3)] == [30.0, 2.0, 2.0]


def test_each_channel_has_a_bucket_of_its_own():
    clock = SimulatedClock()
    pace = Pace(2.0, clock)
    for _ in range(5):
        post(pace, clock)
    assert [post(pace, clock, "C2") for _ in range(5)] == [0.0] * 5


def test_without_a_pace_nothing_waits():
    clock = SimulatedClock()
    pace = Pace(0.0, clock)
    assert [post(pace, clock) for _ in range(20)] == [0.0] * 20


def test_accounts_that_post_with_one_token_share_the_buckets():
    clock, buckets = SimulatedClock(), Buckets()
    one, other = Pace(2.0, clock, buckets), Pace(2.0, clock, buckets)
    assert [pace.take("C1") for pace in (one, other, one, other, one, other, one)] == [True] * 5 + [False] * 2
    other.drain("C1", 30.0)
    clock.pass_by(29.0)
    assert not one.take("C1")
    clock.pass_by(1.0)
    assert one.take("C1")
