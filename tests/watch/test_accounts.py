"""Whose list it is: nothing of another account is announced."""

import pytest

from bot.domain.task import Page, Status
from bot.errors import ForeignStateError
from tests.worlds import Bot, World, started


def test_another_accounts_list_is_not_announced():
    _, bot = started(finished=50)
    other = World()
    other.fill(30, prefix="other")
    bot.world = other
    bot.restart()
    tasks = bot.store.state.tasks
    for _ in range(3):
        with pytest.raises(ForeignStateError, match="belongs to another account"):
            bot.poll.once()
    assert bot.announced == []
    assert bot.store.state.tasks == tasks


def test_many_new_tasks_after_downtime_are_not_taken_for_another_account():
    world, bot = started(finished=50)
    bot.restart()
    ids = world.fill(40, prefix="new")
    bot.cycle()
    assert len(bot.announced) == len(ids)


def test_an_emptied_list_is_not_another_account():
    world, bot = started(finished=20)
    for task_id in list(world.ages):
        world.remove(task_id)
    bot.cycle()
    bot.full_cycle()
    assert bot.announced == []


def cleared(account="one"):
    """Return a bot that knows fifty tasks of *account*, all of which have left the list since."""
    world = World()
    world.account = account
    world.fill(50)
    bot = Bot(world)
    bot.cycle()
    for task_id in list(world.ages):
        world.remove(task_id)
    return world, bot


@pytest.mark.parametrize("account", ["", "two"])
def test_a_list_that_was_seen_empty_is_this_accounts_whatever_the_token_has_become(account):
    world, bot = cleared(account="")
    bot.poll.once()
    world.account = account
    world.add("new")
    bot.poll.once()
    assert bot.announced == [("new", Status.SUCCEEDED)]
    assert bot.store.state.account == account


def test_with_another_token_a_list_that_holds_no_known_task_is_another_accounts():
    world, bot = cleared()
    world.account = "two"
    world.fill(5, prefix="new")
    for _ in range(2):
        with pytest.raises(ForeignStateError):
            bot.poll.once()
    assert bot.announced == []
    assert bot.store.state.account == "one"
    world.account = "one"
    bot.poll.once()
    assert len(bot.announced) == 5


def test_a_token_that_was_renewed_is_this_accounts_where_the_list_holds_a_known_task():
    world = World()
    world.account = "one"
    world.fill(50)
    bot = Bot(world)
    bot.cycle()
    world.account = "two"
    world.add("new")
    bot.cycle()
    assert bot.store.state.account == "two"
    for task_id in list(world.ages):
        world.remove(task_id)
    world.add("newer")
    bot.cycle()
    assert [task_id for task_id, _ in bot.announced] == ["new", "newer"]


def test_a_state_from_before_accounts_were_kept_takes_the_account_it_recognises():
    world, bot = started()
    assert bot.store.state.account == ""
    world.account = "one"
    bot.cycle()
    assert bot.store.state.account == "one"


@pytest.mark.parametrize("full", [False, True])
def test_a_token_of_another_account_in_the_middle_of_a_read_announces_nothing_of_it(full):
    world, bot = started(finished=60)
    world.account = "one"
    bot.cycle()
    other = World()
    other.fill(60, prefix="other")
    other.account = "two"
    if full:
        bot.clock.wait(3600)
    else:
        world.fill(15, prefix="new")
    first = len(world.requests)

    def switch(page: Page) -> Page:
        later = len(world.requests) > first + 1
        return other.fetch(page.number, 10) if later else page

    world.answer = switch
    for _ in range(3):
        bot.cycle()
    assert not [task_id for task_id, _ in bot.announced if task_id.startswith("other")]


@pytest.mark.parametrize("seen_empty", [False, True])
def test_the_new_tasks_of_a_list_that_was_cleared_are_announced(seen_empty):
    world, bot = cleared()
    if seen_empty:
        bot.cycle()
    world.add("new")
    bot.restart()
    bot.poll.once()
    assert bot.announced == [("new", Status.SUCCEEDED)]
