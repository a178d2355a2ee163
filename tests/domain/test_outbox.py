"""What is remembered of channels and of receipts. The life of a notice as a whole is tested in tests/faults."""

from bot.domain.destination import Destination, Intent
from bot.domain.notice import Key, Notice, Receipt, TaskEnded
from bot.domain.outbox import Outbox, delivered, group, trimmed, with_receipts
from bot.domain.task import Task
from bot.errors import DestinationRefused, RateLimited

KEY = Key("task", 20, "success")
DUE = tuple(Notice(TaskEnded(Task(name, 20)), 0.0) for name in "abcdef")


def receipt(number: int, key: Key | None = KEY) -> Receipt:
    return Receipt(f"{number:016x}", "C1", f"175000{number:04}.000000", 0.0, key)


def test_a_channel_that_is_no_longer_used_is_forgotten_unless_something_there_is_in_doubt():
    intent = Intent(("1",), 0.0, "")
    outbox = Outbox(
        (), {"used": Destination(), "doubtful": Destination(intent=intent), "left": Destination(refused="x")}
    )
    assert set(outbox.for_channels(["used"]).destinations) == {"used", "doubtful"}


def next_message(outbox: Outbox, fits: int) -> str:
    chosen = group(outbox, "C1", {"success": "C1"}, digest_after=2, now=0.0, fitting=lambda notices: fits)
    return "".join(notice.key.subject for notice in chosen)


def test_a_digest_holds_as_many_as_fit_and_the_next_one_goes_on():
    assert next_message(Outbox(DUE), 4) == "abcd"
    assert next_message(Outbox(DUE[4:]), 4) == "e"
    assert next_message(Outbox(DUE), 1) == "a"


def test_what_was_to_be_posted_is_posted_again_unchanged_whatever_fits():
    intent = Intent(tuple(notice.id for notice in DUE[:5]), 0.0, "")
    assert next_message(Outbox(DUE, {"C1": Destination(intent=intent)}), 2) == "abcde"


def test_receipts_found_in_a_history_are_kept_in_the_order_in_which_they_were_posted():
    found = {"b": "1750000002.000000", "a": "1750000001.000000"}  # a history is newest first
    _, receipts = delivered(Outbox(), "C1", found, 0.0)
    assert [receipt.id for receipt in receipts] == ["a", "b"]


def test_a_rate_limit_does_not_say_that_a_refusal_was_mended():
    refused = Destination().paused(DestinationRefused("is_archived", reason="is_archived"), 0.0)
    limited = refused.paused(RateLimited("ratelimited", reason="ratelimited", retry_after=1.0), 0.0)
    assert limited.refused == "is_archived"


def test_the_last_500_receipts_are_kept():
    kept = with_receipts(tuple(map(receipt, range(500))), (receipt(500),))
    assert kept == tuple(map(receipt, range(1, 501)))


def test_what_a_history_showed_is_kept_whole_until_the_list_has_been_read():
    found = tuple(receipt(number, key=None) for number in range(600))
    earlier = (receipt(600),)
    kept = with_receipts(with_receipts(earlier, found), ())
    assert set(kept) == {*found, *earlier}
    assert trimmed(kept) == (*found[-499:], *earlier)


def test_a_receipt_found_once_more_does_not_forget_whose_it_is():
    assert with_receipts((receipt(1),), (receipt(1, key=None),)) == (receipt(1),)
