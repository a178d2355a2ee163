import pytest

from bot.http.redaction import holds, redacted
from tests.test_no_secret_leaks import spellings

SECRET = "Ab/c+d%e&f\"g'h<i>j\\k=="


@pytest.mark.parametrize("spelling", spellings(SECRET))
def test_a_secret_is_seen_in_every_usual_spelling(spelling):
    assert holds(f"<p>token: {spelling}</p>", (SECRET,))
    assert holds(f"one\n{spelling[:9]}\n  {spelling[9:]}", (SECRET,))


@pytest.mark.parametrize("text", ["", "token", SECRET[:-1], SECRET[1:]])
def test_other_texts_hold_no_secret(text):
    assert not holds(text, (SECRET, "", "密码"))


def test_only_the_secret_is_taken_out_if_it_stands_as_it_is():
    assert redacted(f"token {SECRET} has expired", (SECRET,)) == "token *** has expired"


def test_a_text_with_a_secret_in_another_spelling_is_taken_out_as_a_whole():
    assert redacted("token %53%33cret has expired", ("S3cret",)) == "***"


def test_a_secret_is_taken_out_of_json_at_any_depth_and_the_rest_stays():
    said = {"a": [1, None, {"s3cret": "x", "b": "s3cret"}], "c": True}
    assert redacted(said, ("s3cret",)) == {"a": [1, None, {"***": "x", "b": "***"}], "c": True}
