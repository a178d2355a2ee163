"""How many requests the real Poll makes, on a simulated clock. Never how long it takes."""

from dataclasses import replace

import pytest

from benchmarks.simulation import DEFAULTS, LATENCY, NEVER, Account, Order, Simulation
from bot.config.sections import Config
from bot.domain.task import Task

ONLY_POLLS = replace(DEFAULTS, poll=replace(DEFAULTS.poll, full_scan_interval=NEVER))
ORDERED: tuple[Order, ...] = ("newest_first", "oldest_first")


def after_first_run(finished: int, order: Order = "newest_first", settings: Config = ONLY_POLLS) -> Simulation:
    bot = Simulation(Account(finished, order), settings)
    bot.cycle()
    return bot


@pytest.mark.parametrize("order", ORDERED)
@pytest.mark.parametrize("finished", [100, 1_000_000])
def test_an_idle_poll_costs_one_request_whatever_the_size_of_the_account(finished: int, order: Order) -> None:
    # A first run over a million takes long to simulate: what it would remember of the list is put in its place.
    learnt = after_first_run(min(finished, 2_000), order)
    account = Account(finished, order)
    profile = replace(learnt.state.profile, total_count=finished, last_page=-(-finished // DEFAULTS.chanjing.page_size))
    newest = {task.id: known for task, known in zip(_newest(account), learnt.state.tasks.values(), strict=False)}
    bot = Simulation(
        account, ONLY_POLLS, clock=learnt.clock, state=replace(learnt.state, profile=profile, tasks=newest)
    )

    assert [bot.cycle().requests for _ in range(10)] == [1] * 10


def _newest(account: Account) -> tuple[Task, ...]:
    size = DEFAULTS.chanjing.page_size
    return account.page(1 if account.order == "newest_first" else -(-len(account) // size), size).tasks


@pytest.mark.parametrize("new", [1, 20, 49])
def test_fewer_than_a_page_of_new_tasks_costs_one_request(new: int) -> None:
    bot = after_first_run(2_000)
    for _ in range(new):
        bot.account.add(bot.clock.now())

    assert bot.cycle().requests == 1


def test_the_ends_of_fewer_than_a_page_of_tasks_cost_one_request() -> None:
    bot = after_first_run(2_000)
    numbers = [bot.account.add(bot.clock.now()) for _ in range(20)]
    bot.cycle()
    ids = {bot.account.end(number) for number in numbers}

    cost = bot.cycle()

    assert (cost.requests, set(cost.announced)) == (1, ids)


@pytest.mark.parametrize("order", [*ORDERED, "shuffled"])
def test_the_first_run_reads_each_page_once_and_the_end(order: Order) -> None:
    cost = Simulation(Account(2_000, order), ONLY_POLLS).cycle()

    assert cost.requests == 41


def test_the_first_run_takes_no_longer_than_its_requests() -> None:
    cost = Simulation(Account(2_000), ONLY_POLLS).cycle()

    assert cost.seconds == pytest.approx(cost.requests * LATENCY, rel=0.1)


def test_the_first_run_remembers_no_more_than_the_retention_holds() -> None:
    bot = after_first_run(100_000)

    assert len(bot.state.tasks) == pytest.approx(7 * 500, abs=1)


@pytest.mark.parametrize("order", ORDERED)
def test_a_task_stuck_for_days_behind_2_000_newer_ones_costs_one_request_a_poll_at_most(order: Order) -> None:
    def costs(stuck: int) -> list[int]:
        bot = after_first_run(100, order, DEFAULTS)
        for _ in range(stuck):
            bot.account.add(bot.clock.now())
        bot.cycle()
        for _ in range(50):
            for _ in range(40):
                bot.account.end(bot.account.add(bot.clock.now()))
            bot.cycle()
        bot.clock.wait(3 * 86_400)
        for _ in range(10):
            bot.cycle()
        return [bot.cycle().requests for _ in range(100)]

    assert costs(stuck=0) == [1] * 100
    assert costs(stuck=1) == [2] * 100
    assert costs(stuck=5) == [2] * 100


def test_a_task_stuck_behind_2_000_newer_ones_is_announced_at_the_poll_after_its_end() -> None:
    bot = after_first_run(100, settings=DEFAULTS)
    stuck = bot.account.add(bot.clock.now())
    bot.cycle()
    for _ in range(50):
        for _ in range(40):
            bot.account.end(bot.account.add(bot.clock.now()))
        bot.cycle()
    bot.clock.wait(3 * 86_400)
    bot.cycle()
    task_id = bot.account.end(stuck)

    assert task_id in bot.cycle().announced
