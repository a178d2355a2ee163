import pytest

from bot.errors import ConfigError
from bot.http.proxy import proxy_for

SLACK = "https://slack.com/api/"


def way(url, **environ):
    """Return how the proxy is named that leads to *url*, or None."""
    found = proxy_for(url, environ)
    return str(found) if found else None


def test_without_variables_there_is_no_proxy():
    assert way(SLACK) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "the proxy p:1 (HTTPS_PROXY)"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "the proxy low:1 (https_proxy)"),
        ({"all_proxy": "socks5://all:1", "HTTPS_PROXY": "http://own:1"}, "the proxy own:1 (HTTPS_PROXY)"),
        ({"ALL_PROXY": "socks5h://all:1"}, "the proxy all:1 (ALL_PROXY)"),
        ({"ALL_PROXY": "socks://127.0.0.1:7890/"}, "the proxy 127.0.0.1:7890 (ALL_PROXY)"),
        ({"HTTPS_PROXY": "p.example.com:3128"}, "the proxy p.example.com:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "https://[fd00::1]:3128"}, "the proxy [fd00::1]:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://me:s3cret@p:1"}, "the proxy p:1 (HTTPS_PROXY)"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://p:1"}, None),
        ({"HTTP_PROXY": "http://p:1"}, None),
    ],
)
def test_the_most_specific_variable_names_the_proxy(environ, expected):
    assert way(SLACK, **environ) == expected


def test_a_proxy_that_is_not_needed_cannot_be_wrong():
    assert (
        way(SLACK, ALL_PROXY="foo://x", HTTP_PROXY="foo://x", HTTPS_PROXY="http://p:1") == "the proxy p:1 (HTTPS_PROXY)"
    )
    assert way(SLACK, HTTPS_PROXY="foo://x", NO_PROXY="slack.com") is None


@pytest.mark.parametrize(
    "value",
    ["foo://s3cret", "socks4://p:1", "http://s3cret:port", "http://", "http://999.1.1.1:1", "http://a..b:1",
     f"http://{'a' * 64}:1", "http://p:99999", "http://p:0", "http://[::1", "http://[fe80::1%25eth0]:1",
     "http://me:s3cret#@p:1", "http://me:1/s3cret@p:1", "http://蝉\u3002\u3002镜:1", "http://p:1\x07"],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used_is_a_matter_of_configuration_and_not_quoted(value):
    with pytest.raises(ConfigError, match=r"^HTTPS_PROXY: cannot be used") as caught:
        proxy_for(SLACK, {"HTTPS_PROXY": value})
    assert "s3cret" not in str(caught.value)


def test_the_password_of_a_proxy_is_a_secret():
    proxy = proxy_for(SLACK, {"HTTPS_PROXY": "http://me:p%40ss@p:1"})
    assert proxy is not None
    assert proxy.secrets == ("p@ss", "bWU6cEBzcw==")
    assert "ss@" not in repr(proxy)


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        ("https://slack.com/", "*"),
        ("https://slack.com/", "a.example, *"),
        ("https://slack.com/", "slack.com"),
        ("https://SLACK.com./", "Slack.COM"),
        ("https://hooks.slack.com/", "slack.com"),
        ("https://hooks.slack.com/", ".slack.com"),
        ("https://slack.com/", ".slack.com"),
        ("https://hooks.slack.com/", "*.slack.com"),
        ("https://slack.com/", "a.example slack.com"),
        ("https://slack.com/", "slack.com:443"),
        ("http://chanjing.internal:8080/", "internal:8080"),
        ("https://10.1.2.3/", "10.0.0.0/8"),
        ("https://10.1.2.3/", "10.9.9.9/8"),
        ("https://10.1.2.3/", "10.1.2.3"),
        ("https://10.1.2.3:8443/", "10.1.2.3:8443"),
        ("https://[fd00::5]/", "fd00::/8"),
        ("https://[fd00::5]/", "[fd00::]/8"),
        ("https://[::1]:8443/", "[::1]"),
        ("https://[::1]:8443/", "::1"),
        ("https://[::1]:8443/", "0:0:0:0:0:0:0:1"),
        ("https://[::1]:8443/", "[::1]:8443"),
        ("https://localhost/", "localhost,127.0.0.1"),
        ("https://slack.com/", "https://slack.com/"),
    ],
)
def test_no_proxy_is_understood_as_curl_and_requests_do(url, no_proxy):
    assert way(url, HTTPS_PROXY="http://p:1", HTTP_PROXY="http://p:1", NO_PROXY=no_proxy) is None


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        ("https://notslack.com/", "slack.com"),
        ("https://slack.com.example/", "slack.com"),
        ("https://slack.com/", "slack.com:8443"),
        ("https://11.1.2.3/", "10.0.0.0/8"),
        ("https://10.1.2.3/", "2.3"),
        ("https://10.1.2.3/", "fd00::/8"),
        ("https://[fe80::5]/", "fd00::/8"),
        ("https://[::1]:8443/", "[::1]:443"),
        ("https://slack.com/", "10.0.0.0/8,fd00::/8,[::1],::1,localhost,/,:,.,[,999.1.1.1/99,%"),
        ("https://slack.com/", ""),
    ],
)
def test_no_proxy_exempts_nothing_else(url, no_proxy):
    assert way(url, HTTPS_PROXY="http://p:1", NO_PROXY=no_proxy) == "the proxy p:1 (HTTPS_PROXY)"
