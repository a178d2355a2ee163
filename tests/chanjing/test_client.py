import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chanjing.answers import LIST, may_be_page_size, parse_page
from bot.chanjing.client import Chanjing, mint
from bot.chanjing.tokens import GivenToken, Minted, fingerprinting
from bot.chanjing.transport import SlidingWindow, Transport
from bot.domain.notice import Trouble
from bot.domain.task import Page, Task
from bot.errors import ChanjingError, ChanjingRefused, ChanjingRejected, ChanjingUnavailable, Stopped
from bot.metrics import Metrics
from bot.wording.samples import SAMPLES
from tests import recorded
from tests.fakes import SimulatedClock, exchange

URL = "https://chanjing.test"
TRACE = "8d10659438827bd4d59eaa2696f9d391"
TOKEN = recorded.TOKEN


def transport(
    how: httpx.MockTransport, clock: SimulatedClock | None = None, *, url: str = f"{URL}/", per_second: float = 5
) -> Transport:
    return Transport(exchange(how), url, max_requests_per_second=per_second, clock=clock or SimulatedClock())


def chanjing(how: httpx.MockTransport, clock: SimulatedClock | None = None, per_second: float = 5) -> Chanjing:
    return Chanjing(GivenToken(TOKEN), transport(how, clock, per_second=per_second))


def said(body: object, status: int = 200) -> httpx.Response:
    return recorded.response(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def always(body: object, status: int = 200, headers: dict[str, str] | None = None) -> httpx.MockTransport:
    content = said(body).read()
    return httpx.MockTransport(lambda request: recorded.response(status, content, headers))


def error_of(ask: Callable[[], object]) -> ChanjingError:
    with pytest.raises(ChanjingError) as caught:
        ask()
    assert caught.value.__cause__ is None
    return caught.value


def envelope(**fields: Any) -> dict[str, Any]:
    return {"trace_id": TRACE, "code": 0, "msg": "success", "data": {"list": [], "page_info": {}}, **fields}


def test_codes_that_chanjing_makes_up_share_one_series():
    codes, metrics = itertools.cycle([*range(60_000, 60_300), 10400, None]), Metrics()
    how = httpx.MockTransport(lambda request: said(envelope(code=next(codes))))
    asking = Transport(exchange(how), f"{URL}/", max_requests_per_second=5, clock=SimulatedClock(), events=metrics)
    for _ in range(302):
        with contextlib.suppress(ChanjingError):
            asking.call(LIST, {})
    counted = {
        sample.labels["code"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "lipsync_bot_chanjing_requests_total"
    }
    assert counted == {"other": 300, "10400": 1, "none": 1}


# One task


def test_a_task_is_asked_for_by_its_id():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, str(request.url), request.headers["access_token"], request.content))
        return said(envelope(data={"id": "a&b", "status": 20, "video_url": "https://res.example/v.mp4"}))

    task = chanjing(httpx.MockTransport(answer)).task("a&b")
    assert task == Task("a&b", 20, video_url="https://res.example/v.mp4")
    assert asked == [("GET", f"{URL}/open/v1/video_lip_sync/detail?id=a%26b", TOKEN, b"")]


@pytest.mark.parametrize("data", [None, {}, []])
def test_chanjing_may_answer_without_a_task(data):
    assert chanjing(always(envelope(data=data))).task("a") is None


@pytest.mark.parametrize(
    ("data", "words"), [({"id": "b", "status": 20}, "another task"), ({"id": "a"}, "status"), ("a", "cannot be read")]
)
def test_an_answer_that_holds_another_task_or_none_that_can_be_read_is_rejected(data, words):
    error = error_of(lambda: chanjing(always(envelope(data=data))).task("a"))
    assert type(error) is ChanjingRejected
    assert words in str(error)


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("body", [b"404 page not found", {"detail": "Not Found"}])
def test_a_server_that_does_not_answer_for_one_task_rejects(status, body):
    assert type(error_of(lambda: chanjing(always(body, status)).task("a"))) is ChanjingRejected


@pytest.mark.parametrize(
    ("code", "kind"), [(50000, ChanjingUnavailable), (10400, ChanjingRefused), (51000, ChanjingRejected)]
)
def test_one_task_is_asked_for_once_whatever_the_answer_and_with_the_token_as_it_is(code, kind):
    requests = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return said(envelope(code=code))

    client = Chanjing(Renewable(), transport(httpx.MockTransport(answer)))
    assert type(error_of(lambda: client.task("a"))) is kind
    assert len(requests) == 1


class Renewable(GivenToken):
    """A token that could be renewed, but for no single task: what Chanjing says of an unknown id may be 10400."""

    def __init__(self) -> None:
        super().__init__(TOKEN)

    def after_refusal(self, refused: str) -> str | None:
        raise AssertionError(f"{refused} was given up")


# What is documented


def test_the_documented_sample_is_read():
    task = Task(
        id="9499ed79995c4bdb95f0d66ca84419fd",
        status=20,
        progress=100,
        msg="success",
        video_url="https://res.chanjing.cc/xxx/lip-sync/9499ed79995c4bdb95f0d66ca84419fd.mp4",
        preview_url="https://res.chanjing.cc/xxx/lip-sync/9499ed79995c4bdb95f0d66ca84419fd.jpg",
        create_time=1738636800,
    )
    page = chanjing(recorded.replay("list-documented")).page(1, 10)
    assert page == Page(number=1, tasks=(task,), listed=1, size=10, total_count=1)


def test_every_documented_field_and_status_is_read():
    page = chanjing(recorded.replay("list-each-status")).page(1, 10)
    assert [task.status for task in page.tasks] == [0, 10, 20, 30]
    assert [task.progress for task in page.tasks] == [0, 75, 100, 0]
    assert page.tasks[2].duration == 65_000
    assert page.tasks[3].msg == "蝉豆不足扣费失败"
    assert page.oddities == ()


def test_a_null_counts_as_not_given():
    page = chanjing(recorded.replay("list-of-nulls")).page(1, 10)
    assert page == Page(number=1, tasks=(Task("0" * 31 + "5", 20),), listed=1, size=10, total_count=None)


def test_numbers_may_come_as_texts_and_an_id_as_a_number():
    page = chanjing(recorded.replay("list-of-texts")).page(1, 10)
    video = "https://res.chanjing.cc/xxx/7.mp4"
    task = Task("7312345678901234567", 20, 100, "success", video, duration=65_000, create_time=1738636803)
    assert page == Page(number=1, tasks=(task,), listed=1, size=10, total_count=1)


def test_an_account_may_have_no_tasks():
    assert chanjing(recorded.replay("list-empty")).page(1, 10) == Page(1, (), listed=0, size=10, total_count=0)


@pytest.mark.parametrize(
    ("name", "kind", "code", "words"),
    [
        ("refused-token", ChanjingRefused, 10400, ["AccessToken验证失败", "chanjing.access_token"]),
        ("refused-parameters", ChanjingRejected, 40000, ["参数错误", "Lower chanjing.page_size"]),
        ("refused-pace", ChanjingUnavailable, 40001, ["超出QPS限制", "Lower chanjing.max_requests_per_second"]),
        ("their-fault", ChanjingUnavailable, 50000, ["系统内部错误", "keeps trying"]),
        ("undocumented-code", ChanjingRejected, 51000, ["unknown error", "does not document this code"]),
    ],
)
def test_each_code_is_an_error_that_says_all_there_is_to_know(name, kind, code, words):
    error = error_of(lambda: chanjing(recorded.replay(name)).page(1, 10))
    assert type(error) is kind
    assert error.code == code
    for word in ("list: HTTP 200", f"code {code}", f"trace_id {TRACE}", *words):
        assert word in str(error)


@pytest.mark.parametrize("code", [10400, 10401, "10401"])
@pytest.mark.parametrize("http", [200, 401])
def test_either_code_of_a_refused_token_is_the_same_error(code, http):
    answer = always(envelope(code=code, msg="token"), http)
    for ask in (
        lambda: chanjing(answer).page(1, 10),
        lambda: mint(recorded.APP_ID, recorded.SECRET_KEY, transport(answer)),
    ):
        error = error_of(ask)
        assert type(error) is ChanjingRefused
        assert error.code == 10400
        assert f"code {code}" in str(error)
    assert str(error).endswith("Check chanjing.app_id and chanjing.secret_key.")


@pytest.mark.parametrize("items", [1000, 1001])
def test_a_page_of_more_than_a_thousand_items_is_refused(items):
    answer = always(envelope(data={"list": [{"id": str(n), "status": 20} for n in range(items)]}))
    if items == 1000:
        assert chanjing(answer).page(1, 10).listed == items
        return
    error = error_of(lambda: chanjing(answer).page(1, 10))
    assert type(error) is ChanjingRejected
    assert "1001 items" in str(error)
    assert "chanjing.page_size" in str(error)


@pytest.mark.parametrize("junk", ["[],", "{},", '"",', "1,"])
def test_an_answer_of_more_than_two_mib_is_refused_and_not_asked_for_again(junk):
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return recorded.response(200, b'{"code": 0, "data": {"list": [' + junk.encode() * 2**20)

    error = error_of(lambda: chanjing(httpx.MockTransport(answer)).page(1, 10))
    assert type(error) is ChanjingRejected
    assert "larger than 2 MiB" in str(error)
    assert "chanjing.page_size" in str(error)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Tue, 04 Feb 2025 12:00:00 GMT", 1738670400.0),
        ("Tue, 04 Feb 2025 20:00:00 +0800", 1738670400.0),
        *((odd, None) for odd in ("", "soon", "Tue, 99 Feb 99999 12:00:00 GMT", "1738670400")),
    ],
)
def test_a_page_says_when_it_was_answered_where_the_server_does(date, at):
    assert chanjing(always(envelope(), headers={"Date": date})).page(1, 10).answered_at == at


def test_a_page_says_whose_it_is():
    def account(token: str, url: str = URL, salt: str = "salt") -> str:
        client = Chanjing(GivenToken(token), transport(always(envelope()), url=url), fingerprint=fingerprinting(salt))
        return client.page(1, 10).account

    assert account("token") == account("token", f"{URL}/") != ""
    others = {account("token"), account("another"), account("token", "https://other.test"), account("token", salt="x")}
    assert len(others) == 4
    assert "token" not in account("token")


def test_the_sample_of_a_refused_token_quotes_what_is_said_of_one():
    error = error_of(lambda: chanjing(recorded.replay("refused-token")).page(1, 10))
    assert [sample.detail for sample in SAMPLES["trouble"] if isinstance(sample, Trouble)] == [error.said]


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [("refused-parameters", 11, True), ("refused-parameters", 10, False), ("refused-token", 11, False)],
)
def test_only_wrong_parameters_may_be_the_size_of_a_page_larger_than_documented(name, asked, expected):
    error = ChanjingRejected("", code=recorded.load(name)["answer"]["json"]["code"])
    assert may_be_page_size(error, asked) is expected


@pytest.mark.parametrize(
    ("name", "words"),
    [("gateway-page", "HTTP 502"), ("not-found", "HTTP 404, and the answer is not JSON (text/html, 18 bytes)")],
)
def test_what_others_say_in_its_place_is_an_error_with_a_remedy(name, words):
    error = error_of(lambda: chanjing(recorded.replay(name)).page(1, 10))
    assert type(error) is ChanjingUnavailable
    assert words in str(error)
    assert any(remedy in str(error) for remedy in ("Check chanjing.base_url", "keeps trying"))


# What is odd


@pytest.mark.parametrize("code", [0, "0", " 0 "])
def test_code_0_is_success_however_it_is_written(code):
    assert chanjing(always(envelope(code=code))).page(1, 10).tasks == ()


@pytest.mark.parametrize("code", [None, False, ..., "", "ok", [], {}, 0.5, -1, "-0", " " * 30 + "5", 10**30, "1" * 30])
def test_any_other_code_is_no_success(code):
    body = envelope(code=code)
    if code is ...:
        del body["code"]
    error = error_of(lambda: chanjing(always(body)).page(1, 10))
    assert type(error) is ChanjingRejected
    assert "list: HTTP 200, code " in str(error)
    assert TRACE in str(error)
    assert str(error).endswith(("Check chanjing.base_url.", "ask its support, and quote the trace_id."))


@pytest.mark.parametrize(
    ("status", "kind"), [(404, ChanjingRejected), (429, ChanjingRejected), (500, ChanjingUnavailable)]
)
def test_code_0_with_an_http_error_is_no_success(status, kind):
    assert type(error_of(lambda: chanjing(always(envelope(), status)).page(1, 10))) is kind


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>blocked</html>",
        b'{"code": 0, "data": {"list": [{"id": "a", "sta',
        b"\xff\xfe\x00\xd8",
        b"[" * 100_000,
        b'{"code":' + b"9" * 5_000 + b"}",
        b"\x1b[31mred",
    ],
    ids=["nothing", "html", "half", "no text", "deep", "long number", "escapes"],
)
def test_what_is_not_json_is_unavailable(body):
    error = error_of(lambda: chanjing(always(body)).page(1, 10))
    assert type(error) is ChanjingUnavailable
    assert "list: HTTP 200, and the answer is not JSON" in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 300


@pytest.mark.parametrize("body", [[], [{"code": 0}], None, "success", 0, True])
def test_json_that_is_no_object_is_no_success(body):
    error = error_of(lambda: chanjing(always(body)).page(1, 10))
    assert type(error) is ChanjingRejected
    assert "code missing" in str(error)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("field", ["msg", "trace_id", "code"])
@pytest.mark.parametrize("value", [nested(800), {"a": 1}, "\ud800", "a\nb\x1b[0m", "长" * 5_000, None])
def test_odd_words_are_quoted_on_one_printable_line(field, value):
    body = json.dumps(envelope(code=51000) | {field: value}).encode()
    error = error_of(lambda: chanjing(always(body)).page(1, 10))
    assert str(error).isprintable()
    assert len(str(error)) < 600


@pytest.mark.parametrize("data", [None, [], "", 0, {}, {"list": None}, {"list": {}}, {"list": "x", "page_info": []}])
def test_a_page_without_a_list_is_empty_and_odd(data):
    page = parse_page(data, 3, 50)
    assert (page.tasks, page.listed, page.size, page.total_count) == ((), 0, 50, None)
    assert len(page.oddities) == 1
    assert page.oddities[0].startswith("page 3: the list is ")


@pytest.mark.parametrize(
    "item",
    [
        None,
        [],
        "task",
        {},
        {"id": "a"},
        {"status": 20},
        {"id": None, "status": 20},
        {"id": "", "status": 20},
        {"id": "x" * 256, "status": 20},
        {"id": {}, "status": 20},
        {"id": "\ud800", "status": 20},
        {"id": "a", "status": None},
        {"id": "a", "status": "done"},
        {"id": "a", "status": 1e300},
        {"id": "a", "status": 10**30},
        nested(200),
    ],
    ids=repr,
)
def test_a_malformed_item_is_left_out_and_named(item):
    good = [{"id": "first", "status": 10}, {"id": "last", "status": 20}]
    page = parse_page({"list": [good[0], item, good[1]], "page_info": {"total_count": 3}}, 2, 50)
    assert [task.id for task in page.tasks] == ["first", "last"]
    assert page.listed == 3
    assert len(page.oddities) == 1
    assert page.oddities[0].startswith("page 2: an item cannot be read: ")


@pytest.mark.parametrize(
    "odd",
    [None, "", "soon", -1, "-0.6", 1e300, float("nan"), float("-inf"), "nan", "9" * 400, True, [], {}, 2**60],
    ids=repr,
)
def test_an_odd_number_counts_as_not_given(odd):
    item = {"id": "a", "status": 20, **dict.fromkeys(("progress", "duration", "create_time"), odd)}
    assert parse_page({"list": [item]}, 1, 10).tasks == (Task("a", 20),)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        *((12, 12), (12.0, 12), ("12", 12), (" 12.4 ", 12), (11.6, 12), (1e3, 1000), ("1e3", 1000)),
        *((-0.4, 0), (1738636800.49, 1738636800), ("1738636800.7", 1738636801), (2**53 - 1, 2**53 - 1)),
    ],
)
def test_a_number_is_the_nearest_whole_one_however_it_is_written(given, number):
    item = {"id": "a", "status": 20, **dict.fromkeys(("progress", "duration", "create_time"), given)}
    task = parse_page({"list": [item]}, 1, 10).tasks[0]
    assert (task.progress, task.duration, task.create_time) == (number, number, number)


@pytest.mark.parametrize("odd", [None, 5, True, [], {}], ids=repr)
def test_an_odd_text_counts_as_not_given(odd):
    item = {"id": "a", "status": 20, **dict.fromkeys(("msg", "video_url", "preview_url"), odd)}
    assert parse_page({"list": [item]}, 1, 10).tasks == (Task("a", 20),)


def test_half_a_surrogate_pair_becomes_something_that_can_be_saved():
    assert parse_page({"list": [{"id": "a", "status": 30, "msg": "x\ud800y"}]}, 1, 10).tasks[0].msg == "x?y"


@pytest.mark.parametrize("info", [None, [], "x", {}, {"size": None}, {"size": 0}, {"size": -5}, {"size": []}])
def test_a_page_that_does_not_say_its_size_has_the_one_asked_for(info):
    assert parse_page({"list": [], "page_info": info}, 1, 10).size == 10


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (0, 0),
        ("0", 0),
        (7, 7),
        ("7", 7),
        *((odd, None) for odd in (None, -1, "", "x", 1.5, False, True, 1e99)),
        ([], None),
    ],
)
def test_a_total_count_is_a_number_or_not_given(given, count):
    assert parse_page({"list": [], "page_info": {"total_count": given}}, 1, 10).total_count == count


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
items = st.fixed_dictionaries(
    {},
    optional={
        name: json_values | st.sampled_from(["a", "20", 20])
        for name in ("id", "status", "progress", "msg", "video_url", "preview_url", "duration", "create_time")
    },
)
pages = st.fixed_dictionaries(
    {},
    optional={
        "list": json_values | st.lists(items | json_values, max_size=5),
        "page_info": json_values | st.dictionaries(st.sampled_from(["size", "total_count"]), json_values),
    },
)


@given(json_values | pages)
def test_whatever_comes_is_a_page_of_tasks_that_can_be_saved(data):
    page = parse_page(data, 1, 10)
    assert page.size > 0
    assert len(page.tasks) + len(page.oddities) >= page.listed
    for task in page.tasks:
        f"{task.id}{task.msg}{task.video_url}{task.preview_url}".encode()
        assert min(task.progress, task.duration, task.create_time) >= 0


# What must not get out

LONG_TOKEN = "s3cret/" + "t0ken+" * 10 + "="


def echoing(status: int, body: str, **headers: str) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        token = request.headers["access_token"]
        named = {
            name: value.format(token=token, quoted=httpx.QueryParams({"t": token})) for name, value in headers.items()
        }
        return recorded.response(status, body.replace("TOKEN", token).encode(), named)

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    "answer",
    [
        echoing(200, '{"code": 10400, "msg": "bad token TOKEN", "trace_id": "TOKEN"}'),
        echoing(200, '{"code": "TOKEN"}'),
        echoing(200, '{"code": 51000, "msg": {"token": "TOKEN"}}'),
        echoing(500, '{"code": 50000, "msg": "TOKEN"}'),
        echoing(200, '{"code": 51000, "msg": "' + "x" * 180 + 'TOKEN"}'),
        echoing(200, "<html>" + " " * 40 + "TOKEN"),
        echoing(502, "TOKEN"),
        echoing(302, "", location="https://elsewhere.test/{token}"),
        echoing(302, "", location="https://elsewhere.test/?{quoted}"),
    ],
    ids=["msg", "code", "object", "5xx", "cut msg", "cut html", "text", "redirect", "quoted redirect"],
)
def test_a_token_that_is_echoed_is_not_shown(answer):
    client = Chanjing(GivenToken(LONG_TOKEN), transport(answer))
    error = error_of(lambda: client.page(1, 10))
    for piece in ("s3cret", "t0ken"):
        assert piece not in str(error)


def test_a_redirect_is_not_followed_and_is_an_error():
    error = error_of(lambda: chanjing(always(b"", 302, {"location": "https://me@login.test/?session=1"})).page(1, 10))
    assert type(error) is ChanjingRejected
    assert (
        str(error) == "list: redirected to https://login.test, which the bot does not follow. Check chanjing.base_url."
    )


def test_a_secret_key_that_is_echoed_is_not_shown():
    answer = always(envelope(code=10400, msg="no app recorded-app with recorded-secret"))
    error = error_of(lambda: mint(recorded.APP_ID, recorded.SECRET_KEY, transport(answer)))
    assert "recorded-secret" not in str(error)
    assert "recorded-app" in str(error)


def test_half_an_answer_with_a_new_token_is_not_quoted():
    answer = always(b'{"code":0,"data":{"access_token":"n3w-token","exp')
    error = error_of(lambda: mint(recorded.APP_ID, recorded.SECRET_KEY, transport(answer)))
    assert "not JSON" in str(error)
    assert "n3w" not in str(error)


# Minting


def test_a_token_is_minted_with_its_end_in_unix_seconds():
    how = transport(recorded.replay("token-minted"))
    assert mint(recorded.APP_ID, recorded.SECRET_KEY, how) == Minted("minted-token", 1738756800.0)


@pytest.mark.parametrize("name", ["token-refused", "refused-parameters"])
def test_an_app_that_is_refused_is_an_error_with_its_own_remedy(name):
    answer = always(recorded.load(name)["answer"]["json"])
    error = error_of(lambda: mint(recorded.APP_ID, recorded.SECRET_KEY, transport(answer)))
    assert str(error).startswith("access_token: HTTP 200, code ")
    assert str(error).endswith("Check chanjing.app_id and chanjing.secret_key.")


@pytest.mark.parametrize("end", [{}, {"expire_in": None}, {"expire_in": 0}, {"expire_in": ""}])
def test_a_token_may_come_without_its_end(end):
    how = transport(always(envelope(data={"access_token": " new\n", **end})))
    assert mint("app", "key", how) == Minted("new", 0.0)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "token",
        {},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "a\r\nb"},
        {"access_token": "密"},
        {"access_token": "a", "expire_in": "soon"},
        {"access_token": "a", "expire_in": {"at": 5}},
        {"access_token": "a", "expire_in": 10**400},
    ],
    ids=lambda data: str(data)[:40],
)
def test_an_answer_without_a_usable_token_is_an_error(data):
    error = error_of(lambda: mint("app", "key", transport(always(envelope(data=data)))))
    assert type(error) is ChanjingRejected
    assert "without a token" in str(error)


# Trying again


class Script:
    """Answers each request with the next of *outcomes*, the last of them from then on."""

    def __init__(self, clock: SimulatedClock, *outcomes: httpx.Response | type[Exception]) -> None:
        self.times: list[float] = []
        self._clock = clock
        self._outcomes = itertools.chain(outcomes, itertools.repeat(outcomes[-1]))
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.times.append(self._clock.monotonic())
        outcome = next(self._outcomes)
        if isinstance(outcome, type):
            raise outcome("made up")
        return recorded.response(outcome.status_code, outcome.read(), outcome.headers)


GOOD = said(envelope())
PASSING: dict[str, httpx.Response | type[Exception]] = {
    "no connection": httpx.ConnectError,
    "timeout": httpx.ReadTimeout,
    "broken": httpx.RemoteProtocolError,
    "bad gzip": httpx.DecodingError,
    "500": said(envelope(), 500),
    "502 html": said(b"<html>", 502),
    "html": said(b"<html>"),
    "40001": said(envelope(code=40001)),
    "50000": said(envelope(code=50000)),
}
LASTING: dict[str, httpx.Response] = {
    str(code): said(envelope(code=code)) for code in (400, 10400, 40000, 40002, 50011, 51000, None)
} | {"redirect": recorded.response(302, b"", {"location": "/"}), "list": said([])}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_passing_fault_is_tried_again_and_is_over(fault):
    clock = SimulatedClock()
    script = Script(clock, fault, fault, GOOD)
    assert chanjing(script.transport, clock).page(1, 10).tasks == ()
    assert len(script.times) == 3


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_does_not_pass_is_raised_after_four_requests_in_a_few_seconds(fault):
    clock = SimulatedClock()
    script = Script(clock, fault)
    assert type(error_of(lambda: chanjing(script.transport, clock).page(1, 10))) is ChanjingUnavailable
    assert len(script.times) == 4
    for wait, least in zip(clock.waits, (0.5, 1.0, 2.0), strict=True):
        assert least <= wait <= least + 0.5


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_what_trying_again_does_not_cure_is_not_tried_again(fault):
    clock = SimulatedClock()
    script = Script(clock, fault)
    error = error_of(lambda: chanjing(script.transport, clock).page(1, 10))
    assert not isinstance(error, ChanjingUnavailable)
    assert len(script.times) == 1
    assert clock.waits == []


def test_an_unreachable_chanjing_is_an_error_with_its_host_and_a_remedy():
    clock = SimulatedClock()
    error = error_of(lambda: chanjing(Script(clock, httpx.ConnectError).transport, clock).page(1, 10))
    assert str(error) == ("list: no answer from chanjing.test: ConnectError. Check chanjing.base_url and the network.")


def test_a_wait_between_two_tries_ends_when_the_program_is_asked_to():
    clock = SimulatedClock()
    clock.stops_at = 0.1
    with pytest.raises(Stopped):
        chanjing(Script(clock, httpx.ConnectError).transport, clock).page(1, 10)


# Pace


@given(
    per_second=st.one_of(st.integers(1, 12).map(float), st.floats(0.05, 12)),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_there_are_never_more_starts_in_a_second_than_allowed(per_second, pauses):
    clock, starts = SimulatedClock(), []
    window = SlidingWindow(per_second, clock)
    for pause in pauses:
        clock.pass_by(pause)
        window.wait()
        starts.append(clock.monotonic())
    allowed = max(1, int(per_second))
    span = max(1.0, 1 / per_second)
    for first, beyond in zip(starts, starts[allowed:], strict=False):
        assert beyond - first >= span - 1e-9


def test_the_pace_holds_for_tries_as_well():
    clock = SimulatedClock()
    script = Script(clock, httpx.ConnectError)
    client = chanjing(script.transport, clock, per_second=2)
    for _ in range(5):
        error_of(lambda: client.page(1, 10))
    assert len(script.times) == 20
    for first, third in zip(script.times, script.times[2:], strict=False):
        assert third - first >= 1 - 1e-9


def test_a_pace_below_one_a_second_is_kept():
    clock = SimulatedClock()
    script = Script(clock, GOOD)
    client = chanjing(script.transport, clock, per_second=0.5)
    for _ in range(4):
        client.page(1, 10)
    assert script.times == [0, 2, 4, 6]


def test_a_pause_gives_the_whole_second_back():
    clock = SimulatedClock()
    script = Script(clock, GOOD)
    client = chanjing(script.transport, clock, per_second=5)
    for _ in range(2):
        for _ in range(5):
            client.page(1, 10)
        clock.pass_by(1)
    assert clock.waits == []
