"""What the documents say, held to what the program does."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from bot import cli
from bot.cli import check_slack, config
from bot.cli.program import app
from bot.config.sections import KEYS
from bot.config.texts import environment_name
from bot.demo.slack import Channel, SlackServer
from bot.errors import LipsyncBotError
from bot.slack.client import SlackBot
from docs.house import house
from docs.manual import files
from tests.fakes import exchange

ROOT = Path(__file__).parents[1]
# What a language's README and reference say together.
MANUALS = ("README.md", "docs/reference.md"), ("README.zh-CN.md", "docs/reference.zh-CN.md")
MANUAL, CHINESE = ("\n".join((ROOT / name).read_text("utf-8") for name in names) for names in MANUALS)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PICTURES = sorted(ROOT.glob("docs/img/*"))


def sections(text: str) -> list[tuple[str, str]]:
    """Return heading (`## Options`) and text of each section, in order. A comment in a code block is no heading."""
    parts = re.split(r"^(#+ .*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def rows(heading: str, manual: str = MANUAL) -> Iterator[list[str]]:
    """Yield the cells of each row of the first table below the English *heading*, without the head."""
    number = [title for title, _ in sections(MANUAL)].index(heading)
    table = re.search(r"(?:^\|.*\n)+", sections(manual)[number][1], re.MULTILINE)
    for line in table[0].splitlines()[2:] if table else []:
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# Options


def test_the_manual_lists_each_key_with_its_environment_name_and_default():
    listed = [(key, environment, default) for key, environment, default, _ in rows("## Options")]
    assert listed == [
        (f"`{k.name}`", f"`{environment_name(k.name)}`", f"`{k.default}`" if k.default else "–") for k in KEYS
    ]


def test_each_setting_named_in_a_document_exists():
    sections = "|".join({key.name.partition(".")[0] for key in KEYS} - {"slack"})
    known = {key.name for key in KEYS}
    for document in DOCUMENTS:
        named = re.findall(rf"`((?:{sections}|slack)\.[a-z_]+)`", document.read_text("utf-8"))
        assert set(named) - known - {"state.json", "slack.client", "slack.call"} == set(), document


def test_the_schema_is_the_one_that_the_program_prints(capsys):
    config.print_schema()
    wanted = capsys.readouterr().out
    assert (ROOT / "config.schema.json").read_text("utf-8") == wanted, "lipsync-bot config schema > config.schema.json"


# Commands


@pytest.mark.parametrize("path", files())
def test_the_manual_page_and_the_completions_are_those_of_the_program(path):
    assert (ROOT / "share" / path).read_text("utf-8") == files()[path], "python -m docs.manual"


def commands(manual: str = MANUAL) -> list[str]:
    """Return every command line with lipsync-bot in *manual*, up to a pipe."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", manual, re.DOTALL))
    lines = [line for line in blocks.splitlines() if line.startswith("lipsync-bot ")]
    spans = [span for span in re.findall(r"`([^`\n]+)`", manual) if span.startswith("lipsync-bot ")]
    return sorted({re.split(r"\\?\||#", line)[0].strip() for line in lines + spans})


@pytest.mark.parametrize("line", commands())
def test_a_command_in_the_manual_exists_with_its_options(line):
    _, command, *arguments = shlex.split(line)
    within = [word for word in arguments[:1] if command in {"archive", "config", "state"} and word.isalpha()]
    shown = CliRunner().invoke(app, [command, *within, "--help"], env={"TERM": "dumb", "COLUMNS": "100"})
    assert shown.exit_code == 0, shown.output
    for option in (argument for argument in arguments if argument.startswith("-")):
        assert option in shown.output


def test_the_manual_shows_every_command():
    shown = {shlex.split(line)[1] for line in commands()}
    assert shown == {one.name for one in app.registered_commands} | {one.name for one in app.registered_groups}


def kinds(error: type[LipsyncBotError]) -> Iterator[type[LipsyncBotError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


def test_the_manual_lists_the_exit_codes():
    codes = {int(code) for code, _ in rows("### Exit codes")}
    assert codes == {cli.INTERRUPTED, *(kind.exit_code for kind in kinds(LipsyncBotError))}


# Errors


def said_by_the_program() -> str:
    """Return the source of the program with its split strings joined."""
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "bot").rglob("*.py"))
    return re.sub(r'"\s*\n\s*f?"', "", source)


def test_the_program_says_each_error_that_the_manual_explains():
    source = said_by_the_program()
    explained = [text for says, _ in rows("## When something is wrong") for text in code(says)]
    assert [text for text in explained if text not in source] == []
    assert len(explained) > 20


# The Slack app


def scopes() -> set[str]:
    manifest = yaml.safe_load((ROOT / "slack-app-manifest.yaml").read_text("utf-8"))
    return set(manifest["oauth_config"]["scopes"]["bot"])


def findings(granted: set[str], channel: Channel) -> list[tuple[str, str]]:
    """Return severity and text of what `check` says of a Slack app with the scopes *granted*."""
    with SlackServer(scopes=granted, channels={"C0LIPSYNC01": channel}) as server, httpx.HTTPTransport() as transport:
        bot = SlackBot(server.token, server.base_url, exchange(transport))
        return [(found.severity, found.text) for found in check_slack.account(bot, {"slack.channel": "C0LIPSYNC01"})]


@pytest.mark.parametrize("private", [False, True])
def test_check_has_nothing_to_find_fault_with_in_an_app_made_from_the_manifest(private):
    found = findings(scopes(), Channel("videos", is_private=private))
    assert {severity for severity, _ in found} == {"good"}
    assert "#videos" in found[-1][1]


@pytest.mark.parametrize(
    ("taken_away", "private"),
    [
        ({"chat:write"}, False),
        ({"channels:history"}, False),
        ({"groups:history"}, True),
        ({"channels:read"}, False),
        ({"groups:read"}, True),
    ],
)
def test_each_scope_of_the_manifest_is_needed(taken_away, private):
    channel = Channel("videos", is_private=private)
    assert findings(scopes() - taken_away, channel) != findings(scopes(), channel)


def test_the_manifest_asks_for_the_scopes_that_the_manual_explains():
    assert {name for scope, _ in rows("### 2. A Slack app") for name in code(scope)} == scopes()


@pytest.mark.parametrize("manual", [MANUAL, CHINESE], ids=["en", "zh"])
def test_the_link_that_creates_the_app_has_the_manifest_filled_in(manual):
    link = re.search(r"^\[create-app\]: (\S+)$", manual, re.MULTILINE)
    assert link
    query = parse_qs(urlsplit(link[1]).query)
    assert query == {"new_app": ["1"], "manifest_yaml": [(ROOT / "slack-app-manifest.yaml").read_text("utf-8")]}


def test_the_bot_has_the_name_in_slack_that_its_errors_invite():
    manifest = yaml.safe_load((ROOT / "slack-app-manifest.yaml").read_text("utf-8"))
    assert f"/invite @{manifest['features']['bot_user']['display_name']}" in said_by_the_program()


# Links and pictures


def links(document: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [link for link in found if not re.match(r"https?:", link)]


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of *document*."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_relative_link_leads_somewhere(document):
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_architecture_describes_every_folder():
    described = {
        path for link in links(ROOT / "docs/architecture.md") if (path := (ROOT / "docs" / link).resolve()).is_dir()
    }
    assert described >= {path.parent for path in (ROOT / "bot").glob("*/__init__.py")}


def test_the_picture_of_the_architecture_is_the_one_that_the_code_gives():
    assert f"```mermaid\n{house()}\n```" in (ROOT / "docs/architecture.md").read_text("utf-8")


def shown(document: Path) -> set[Path]:
    return {
        path for link in links(document) if (path := (document.parent / link).resolve()).parent == ROOT / "docs/img"
    }


def test_each_picture_is_shown_and_small():
    assert set().union(*map(shown, DOCUMENTS)) == set(PICTURES)
    drawn = [path for path in PICTURES if path.suffixes[0] in {".en", ".zh"}]
    assert [path.name for path in drawn if path.stat().st_size >= 60_000] == []


# The manual in Chinese


def test_both_manuals_have_the_same_sections():
    levels = [[title.partition(" ")[0] for title, _ in sections(manual)] for manual in (MANUAL, CHINESE)]
    assert levels[0] == levels[1]
    assert len(levels[0]) > 15


def test_both_manuals_show_the_same_commands():
    assert commands(CHINESE) == commands(MANUAL)


@pytest.mark.parametrize(
    ("heading", "same"),
    [("## Options", 3), ("### Exit codes", 1), ("### 2. A Slack app", 1), ("## When something is wrong", 1)],
)
def test_a_table_has_the_same_first_columns_in_both_manuals(heading, same):
    english = [row[:same] for row in rows(heading)]
    assert english == [row[:same] for row in rows(heading, CHINESE)]
    assert english


def test_what_the_program_prints_is_the_same_in_both_manuals():
    printed = [re.findall(r"```text\n(.*?)```", manual, re.DOTALL) for manual in (MANUAL, CHINESE)]
    assert printed[0] == printed[1] != []


def test_each_manual_shows_all_pictures_in_its_language():
    english, chinese = (set().union(*(shown(ROOT / name) for name in names)) for names in MANUALS)
    assert {path.name.replace(".en.", ".zh.") for path in english} == {path.name for path in chinese}
    assert {path.name for path in english & chinese} == {"icon.png"}


def test_each_document_leads_to_its_translation():
    for english, chinese in zip(*MANUALS, strict=True):
        assert Path(chinese).name in links(ROOT / english)
        assert Path(english).name in links(ROOT / chinese)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_a_readme_is_a_front_door(readme):
    text = (ROOT / readme).read_text("utf-8")
    assert len(text.splitlines()) <= 185
    assert "docs/img/demo." in text.partition("\n## ")[0]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_figures_of_the_script_are_those_that_were_measured(readme):
    measured = (ROOT / "docs/performance.md").read_text("utf-8").partition("<!-- generated: script -->")[2]
    texts = measured.partition("<!-- end")[0], (ROOT / readme).read_text("utf-8")
    figures, copied = (re.findall(r"^\|[^|]*((?:\| \d+ ){6})\|$", text, re.MULTILINE) for text in texts)
    assert copied == figures != []
