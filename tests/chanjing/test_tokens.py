import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.chanjing.answers import Answered
from bot.chanjing.client import Chanjing
from bot.chanjing.tokens import GivenToken, Minted, MintedToken, TokenSource
from bot.domain.task import Page
from bot.errors import ChanjingError, ChanjingRefused, ChanjingUnavailable
from bot.secret import FileSecret, read_secret
from tests.fakes import NOON, SimulatedClock
from tests.irregular import KINDS

DAY = 86_400
BASE = "https://chanjing.test"


@pytest.fixture
def clock():
    return SimulatedClock()


@pytest.fixture
def kept(tmp_path):
    """Return the path where a minted token is kept."""
    return tmp_path / "state.json.token"


class Account:
    """A Chanjing that accepts one token, mints others, and can be made to fail at that."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.accepted: str | None = None
        self.asked: list[str] = []
        self.minted = 0
        self.failure: ChanjingError | None = None
        self.end_of: Callable[[float], float] = lambda now: now + DAY
        self._clock = clock

    def mint(self) -> Minted:
        self.minted += 1
        if self.failure is not None:
            raise self.failure
        self.accepted = f"minted-{self.minted}"
        return Minted(self.accepted, self.end_of(self._clock.now()))

    base_url = BASE

    def call(self, *_: object, token: str) -> Answered:
        """Stand for a Transport."""
        self.asked.append(token)
        if token != self.accepted:
            raise ChanjingRefused(f"refused number {len(self.asked)}", code=10400)
        return Answered({"list": []}, None)

    def ask(self, tokens: TokenSource) -> Page:
        return Chanjing(tokens, self).page(1, 10)  # type: ignore[arg-type]


@pytest.fixture
def account(clock):
    return Account(clock)


# A given token


def test_a_given_token_that_is_refused_is_not_tried_again(account):
    with pytest.raises(ChanjingRefused):
        account.ask(GivenToken("given"))
    assert account.asked == ["given"]


# A token in a file


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "token"
    file.write_text("first\n")
    return file


@pytest.fixture
def tokens(file, clock):
    """Return the token in *file*; its `reads` counts."""
    return Counted(file, clock)


class Counted(GivenToken):
    def __init__(self, file: Path, clock: SimulatedClock) -> None:
        self.reads = 0

        def read() -> str:
            self.reads += 1
            return read_secret(file).value

        super().__init__(read(), FileSecret("first", read, clock))


def test_a_file_is_not_read_again_while_its_token_is_accepted(account, tokens):
    account.accepted = "first"
    account.ask(tokens)
    account.ask(tokens)
    assert tokens.reads == 1


def test_the_new_token_of_another_program_is_used_at_once(account, tokens, file):
    file.write_text("second")
    account.accepted = "second"
    account.ask(tokens)
    account.ask(tokens)
    assert account.asked == ["first", "second", "second"]


def test_a_file_with_the_refused_token_is_one_error_and_no_loop(account, tokens):
    with pytest.raises(ChanjingRefused, match="refused number 1"):
        account.ask(tokens)
    assert account.asked == ["first"]


def test_a_new_token_that_is_refused_too_is_one_error_and_no_loop(account, tokens, file):
    file.write_text("second")
    with pytest.raises(ChanjingRefused, match="refused number 2"):
        account.ask(tokens)
    assert account.asked == ["first", "second"]


def test_a_file_is_read_again_at_most_once_a_minute(account, tokens, clock):
    for _ in range(25):
        with pytest.raises(ChanjingRefused):
            account.ask(tokens)
        clock.pass_by(5)
    assert tokens.reads == 1 + 3


def test_a_token_that_is_renewed_late_is_found(account, tokens, file, clock):
    for seconds in (0, 30, 29):
        clock.pass_by(seconds)
        with pytest.raises(ChanjingRefused):
            account.ask(tokens)
    file.write_text("second")
    account.accepted = "second"
    clock.pass_by(1)
    account.ask(tokens)


@pytest.mark.parametrize(("content", "words"), [(None, "no such file"), ("", "it is empty"), ("a b", "visible ASCII")])
def test_a_file_that_cannot_be_read_again_fails_this_poll_only(account, tokens, file, clock, content, words):
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(ChanjingRefused, match=f"chanjing.access_token_file cannot be read again: .*{words}"):
        account.ask(tokens)
    file.write_text("second")
    account.accepted = "second"
    clock.pass_by(60)
    account.ask(tokens)


# A minted token


def minted(account: Account, kept: Path, clock: SimulatedClock) -> MintedToken:
    return MintedToken(account.mint, "app", BASE, kept, clock)


def test_a_token_is_minted_when_it_is_first_needed_and_then_used_again(account, kept, clock):
    tokens = minted(account, kept, clock)
    assert account.minted == 0
    account.ask(tokens)
    account.ask(tokens)
    assert account.asked == ["minted-1", "minted-1"]


def test_a_minted_token_is_kept_over_restarts_for_its_owner_only(account, kept, clock):
    account.ask(minted(account, kept, clock))
    assert kept.stat().st_mode & 0o777 == 0o600
    account.ask(minted(account, kept, clock))
    assert account.minted == 1
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_token_lives_until_its_absolute_end(account, kept, clock):
    tokens = minted(account, kept, clock)
    account.end_of = lambda _: NOON + DAY
    account.ask(tokens)
    clock.pass_by(DAY - 61)
    account.ask(tokens)
    assert account.minted == 1
    clock.pass_by(2)
    account.ask(tokens)
    assert account.minted == 2


def test_an_end_is_kept_over_restarts(account, kept, clock):
    account.ask(minted(account, kept, clock))
    clock.pass_by(DAY)
    account.ask(minted(account, kept, clock))
    assert account.minted == 2


@pytest.mark.parametrize("end", [0.0, 86_400.0, NOON, NOON + 30], ids=["none", "a duration", "now", "in a moment"])
def test_an_end_that_has_passed_when_it_is_announced_says_nothing(account, kept, clock, end):
    tokens = minted(account, kept, clock)
    account.end_of = lambda _: end
    for _ in range(5):
        account.ask(tokens)
        clock.pass_by(600)
    assert account.minted == 1


def test_a_refused_token_is_replaced_at_once(account, kept, clock):
    tokens = minted(account, kept, clock)
    account.ask(tokens)
    clock.pass_by(61)
    account.accepted = "of another program"
    account.ask(tokens)
    assert account.asked == ["minted-1", "minted-1", "minted-2"]
    assert json.loads(kept.read_text())["token"] == "minted-2"


def test_a_new_token_that_is_refused_too_is_one_error_a_minute_and_no_loop(account, kept, clock):
    def of_a_disabled_app() -> Minted:
        found: Minted = account.mint()
        account.accepted = None
        return found

    tokens = MintedToken(of_a_disabled_app, "app", BASE, kept, clock)
    for _ in range(24):
        before = len(account.asked)
        with pytest.raises(ChanjingRefused):
            account.ask(tokens)
        assert len(account.asked) - before <= 2
        clock.pass_by(5)
    assert account.minted == 2


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [(ChanjingUnavailable("access_token: no answer"), 10), (ChanjingRefused("access_token: refused"), 60)],
    ids=["no answer", "refused"],
)
def test_minting_that_fails_is_tried_again_after_a_while_and_says_why_until_then(
    account, kept, clock, failure, seconds
):
    tokens = minted(account, kept, clock)
    account.failure = failure
    for _ in range(seconds // 2):
        with pytest.raises(type(failure), match=str(failure)):
            account.ask(tokens)
        clock.pass_by(2)
    assert account.minted == 1
    account.failure = None
    account.ask(tokens)
    assert account.minted == 2


@pytest.mark.parametrize(("app_id", "base_url"), [("another app", BASE), ("app", "https://staging.test")])
def test_a_token_that_was_kept_for_another_app_or_server_is_not_used(account, kept, clock, app_id, base_url):
    account.ask(minted(account, kept, clock))
    account.ask(MintedToken(account.mint, app_id, base_url, kept, clock))
    assert account.asked == ["minted-1", "minted-2"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0",
        b"\xff",
        b"[]",
        b"null",
        b'{"token": "a", "expires_at": 0}',
        *(
            b'{"app_id": "app", "base_url": "https://chanjing.test", %s}' % rest
            for rest in (
                b'"token": "a"',
                b'"token": "a", "expires_at": null',
                b'"token": "a", "expires_at": {}',
                b'"token": "a", "expires_at": 1' + b"0" * 400,
                b'"token": null, "expires_at": 0',
                b'"token": "", "expires_at": 0',
                b'"token": "a\\nb", "expires_at": 0',
            )
        ),
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[-40:]),
)
def test_a_kept_token_that_is_damaged_is_minted_anew(account, kept, clock, content):
    kept.write_bytes(content)
    account.ask(minted(account, kept, clock))
    assert account.asked == ["minted-1"]


def test_a_token_that_cannot_be_kept_works_all_the_same(account, clock, tmp_path):
    tokens = minted(account, tmp_path / "missing" / "state.json.token", clock)
    account.ask(tokens)
    account.ask(tokens)
    assert account.minted == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_is_read_from_a_regular_file_only_and_nobody_waits_for_another(account, clock, kept, kind):
    KINDS[kind](kept)
    assert MintedToken(account.mint, "app", BASE, kept, clock).current() == "minted-1"


def test_a_token_without_a_place_to_keep_it_is_used_all_the_same(account, clock):
    assert MintedToken(account.mint, "app", BASE, None, clock).current() == "minted-1"


# Whose token it is


def test_a_minted_token_is_known_by_its_app_and_any_other_by_itself(account, clock, kept):
    minted = MintedToken(account.mint, "app", BASE, kept, clock)
    assert minted.account_of("minted-1") == minted.account_of("minted-2") == "app"
    assert GivenToken("given").account_of("given") == "given"
