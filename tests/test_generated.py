"""What a command makes and the repository keeps, held to what the command makes now."""

from pathlib import Path

import pytest

from bot.cli import config
from docs.manual import files

ROOT = Path(__file__).parents[1]


def test_the_schema_is_the_one_that_the_program_prints(capsys):
    config.print_schema()
    wanted = capsys.readouterr().out
    assert (ROOT / "config.schema.json").read_text("utf-8") == wanted, "lipsync-bot config schema > config.schema.json"


@pytest.mark.parametrize("path", files())
def test_the_manual_page_and_the_completions_are_those_of_the_program(path):
    assert (ROOT / "share" / path).read_text("utf-8") == files()[path], "python -m docs.manual"
