import os
import socket
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.secret import decoded, read_secret, read_small_file


def test_white_space_around_a_secret_is_not_part_of_it(tmp_path):
    file = tmp_path / "token"
    file.write_bytes(b" \t s3cret\r\n\n")
    assert read_secret(file).value == "s3cret"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_not_part_of_a_secret(tmp_path, encoding):
    file = tmp_path / "token"
    file.write_bytes("\ufeff s3cret\r\n".encode(encoding))
    assert read_secret(file).value == "s3cret"


def test_utf_16_is_read_in_either_byte_order():
    assert [decoded(b"\xff\xfea\0"), decoded(b"\xfe\xff\0a")] == ["a", "a"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"s3cret\ns3cret", "visible ASCII"),
        (b"s3cret s3cret", "visible ASCII"),
        (b"s3cret\x00", "visible ASCII"),
        (b"s3cret\x1b[0m", "visible ASCII"),
        (b"\xffs3cret", "not text"),
        ("s3cret".encode("utf-16-le"), "visible ASCII"),  # unmarked
        (b"\xff\xfes3cret\0", "not text"),
        ("s3cret密".encode(), "visible ASCII"),
        (b"s3cret" * 20_000, "more than 64 KiB"),
    ],
)
def test_a_file_without_a_usable_secret_is_refused_and_not_quoted(tmp_path, content, words):
    file = tmp_path / "s3cret"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as caught:
        read_secret(file)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "words"),
    [(".", "it is a directory"), ("none", "no such file"), ("a\0b", "no file can have"), ("x" * 300, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_an_error_without_its_path(tmp_path, name, words):
    with pytest.raises(ConfigError, match=words) as caught:
        read_secret(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)
    assert name == "." or name not in str(caught.value)


def test_a_named_pipe_is_refused_as_reading_it_would_wait_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "token")
    with pytest.raises(ConfigError, match="a pipe"):
        read_secret(tmp_path / "token")


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/random", "link"])
def test_a_device_is_refused_as_it_may_never_end(tmp_path, path):
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="a device"):
        read_secret(tmp_path / path)


def test_a_socket_is_not_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("token")
        with pytest.raises(ConfigError, match="not a file"):
            read_secret(Path("token"))


def test_a_pipe_that_was_handed_over_is_read():
    ours, theirs = os.pipe()
    os.write(theirs, b"s3cret")
    os.close(theirs)
    assert read_secret(Path(f"/dev/fd/{ours}")).value == "s3cret"
    os.close(ours)


def test_a_file_may_be_as_large_as_the_limit_and_no_larger(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1024)
    assert read_small_file(file, 1024) == b"x" * 1024
    with pytest.raises(ConfigError, match="more than"):
        read_small_file(file, 1023)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_another_user_is_reported_as_such(tmp_path):
    file = tmp_path / "token"
    file.touch(mode=0)
    with pytest.raises(ConfigError, match="may not read it"):
        read_secret(file)
