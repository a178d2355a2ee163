"""The texts of the configuration in a YAML file, and the line of each.

Nothing is interpreted here, so YAML cannot make 90 of `1:30` nor 83 of `0123`. No problem quotes a value.
"""

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from bot.config.texts import LARGEST_YAML, OF_THE_PROCESS, Found, Problem, Raw
from bot.errors import ConfigError
from bot.secret import decoded, read_small_file

_MOST_PROBLEMS = 20  # more help nobody, and to look for the nearest key takes time
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "timestamp")}
_NULL_TAG = "tag:yaml.org,2002:null"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_ACCOUNTS = "accounts"
ACCOUNT_NAME = r"[a-z][a-z0-9-]{0,39}"


def read(keys: Collection[str], file: Path) -> Found:
    """Return what stands in *file* under *keys*, and what is wrong with it."""
    try:
        root = _compose(decoded(read_small_file(file, LARGEST_YAML)))
    except ConfigError as problem:
        return Found(problems=[Problem("", f"{file}: {problem}")])
    if root is None or root.tag == _NULL_TAG:
        return Found(note=f"{file} is empty")
    if not isinstance(root, yaml.MappingNode):
        wanted = f"must have sections ({', '.join(_sections(keys))}), each with indented lines `key: value`"
        return Found(problems=[Problem("", f"{file}: {wanted}")])
    return _Reading(str(file), keys).document(root)


def _compose(content: str) -> yaml.Node | None:
    """Return the tree of nodes, which keeps each value as it was written and each line's number."""
    try:
        root: yaml.Node | None = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{where}this is not YAML: {_words(problem)}") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # The rest of what PyYAML raises: bytes that are not text, impossible characters.
        raise ConfigError("this is not YAML: it contains characters that YAML does not allow") from None
    except RecursionError:
        raise ConfigError("this is not YAML that the bot can read: it is nested too deeply") from None
    return root


def _words(problem: yaml.MarkedYAMLError) -> str:
    text = problem.problem or "unexpected end"
    if "'\\t'" in text:
        return "it has a tab here; use spaces"
    return _unquoted(f"{problem.context}, {text}" if text.startswith("but ") else text)


def _unquoted(problem: str) -> str:
    """Return PyYAML's words without the names it quotes. Single characters and tokens such as <block end> may stay."""
    quoted = r"""'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)\""""
    harmless = re.compile(r"\\?.|<[a-z ]+>")
    return re.sub(quoted, lambda match: match[0] if harmless.fullmatch(match[1] or match[2] or "") else "…", problem)


def _sections(keys: Collection[str]) -> list[str]:
    return list(dict.fromkeys(key.partition(".")[0] for key in keys))


class _Reading:
    """One pass over the nodes of a YAML file. It goes five levels deep, so aliases cannot make it long.

    As in a Compose file, `<<: *name` takes over keys, and a key that begins with `x-` is the user's own.
    """

    def __init__(self, file: str, keys: Collection[str]) -> None:
        self.file = file
        self.keys = keys
        self.found = Found()

    def document(self, root: yaml.MappingNode) -> Found:
        self.sections(root, "", _sections(self.keys))
        if len(self.found.problems) >= _MOST_PROBLEMS:
            self.found.problems.append(Problem("", f"{self.file}: the rest of the file was not checked"))
        return self.found

    def sections(self, root: yaml.MappingNode, prefix: str, known: Collection[str]) -> None:
        """Read the sections that *root* has: the document, or, with their names after *prefix*, an account."""
        for section, line, node in self.entries(root, ""):
            if section == _ACCOUNTS and not prefix:
                self.accounts(line, node)
            elif section not in known:
                what = f"{_shown(section)} is not a section{' of an account' if prefix else ''}"
                self.problem(section, line, f"{what}{self.nearest(section)}")
            elif isinstance(node, yaml.MappingNode):
                self.section(section, node, prefix)
            elif node.tag != _NULL_TAG:
                self.problem(section, line, f"{section} must be a section, with indented lines `key: value` below it")

    def accounts(self, line: int, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            text = "accounts must have a name for each account, and its sections indented below that"
            self.problem("", line, text)
            return
        known = [section for section in _sections(self.keys) if section not in OF_THE_PROCESS]
        for name, at, account in self.entries(node, _ACCOUNTS):
            if not re.fullmatch(ACCOUNT_NAME, name):
                text = (
                    "the name of an account must begin with a small letter and have small letters, digits and hyphens"
                )
                self.problem("", at, f"{text}, 40 at most")
            elif isinstance(account, yaml.MappingNode):
                self.found.accounts += (name,)
                self.sections(account, f"{_ACCOUNTS}.{name}.", known)
            elif account.tag == _NULL_TAG:
                self.found.accounts += (name,)
            else:
                self.problem("", at, f"account {name} must have sections, indented below it")

    def section(self, section: str, node: yaml.MappingNode, prefix: str) -> None:
        for name, line, value in self.entries(node, section):
            key = f"{section}.{name}"
            if key not in self.keys:
                self.problem(section, line, f"{_shown(name)} is not a key of {section}{self.nearest(name, section)}")
            elif raw := _raw(value, f"{prefix}{key}", f"{self.file} line {line}"):
                self.found.places[raw.name] = [replace(raw, file=Path(self.file))]

    def entries(self, node: yaml.MappingNode, section: str) -> Iterator[tuple[str, int, yaml.Node]]:
        """Yield name, line and value of each key of *node* and, unless it has one of that name, of what it merges."""
        known: set[str] = set()
        for mapping in self.layers(node, section):
            first: dict[str, int] = {}
            for key, value in mapping.value:
                if len(self.found.problems) >= _MOST_PROBLEMS:
                    return
                line = key.start_mark.line + 1
                name = key.value if isinstance(key, yaml.ScalarNode) else ""
                if name in first:
                    text = f"{_shown(name)} already appears on line {first[name]}; keep one of them"
                    self.problem(section or name, line, text)
                    continue
                first[name] = line
                is_own = name.startswith("x-") and section != _ACCOUNTS
                if name not in known and key.tag != _MERGE_TAG and not is_own:
                    yield name, line, value
            known |= first.keys()

    def layers(self, node: yaml.MappingNode, section: str) -> Iterator[yaml.MappingNode]:
        """Yield *node* and what it merges, the first to count first; each once, in however many ways it is merged."""
        waiting: list[yaml.Node] = [node]
        seen: set[int] = set()
        while waiting:
            mapping = waiting.pop()
            if not isinstance(mapping, yaml.MappingNode):
                text = "<< must name a section to merge, as in <<: *name, or a list of them"
                self.problem(section, mapping.start_mark.line + 1, text)
            elif id(mapping) not in seen:
                seen.add(id(mapping))
                yield mapping
                merged = [value for key, value in mapping.value if key.tag == _MERGE_TAG]
                lists = [value.value if isinstance(value, yaml.SequenceNode) else [value] for value in merged]
                waiting += reversed([one for many in lists for one in many])

    def problem(self, section: str, line: int, text: str) -> None:
        self.found.problems.append(Problem(section, f"{self.file} line {line}: {text}"))

    def nearest(self, name: str, section: str = "") -> str:
        """Return `; the nearest is …`: a key of the section, else anything that is known."""
        sections = _sections(self.keys)
        own = {key.partition(".")[2]: key for key in self.keys if key.startswith(f"{section}.")}
        inside = {text: f"{key} (inside its section)" for key in self.keys for text in (key, key.partition(".")[2])}
        for known in (own, inside | dict(zip(sections, sections, strict=True))):
            if close := difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.4):
                return f"; the nearest is {known[close[0]]}"
        return f"; there are {', '.join(own or sections)}"


def _shown(name: str) -> str:
    # `{bot_token:xoxb-1}` has a secret in its key. No key of ours has digits, every token of Slack's does.
    return name if re.fullmatch(r"[A-Za-z_.-]{1,40}|<<", name) else "this"


def _raw(node: yaml.Node, name: str, where: str) -> Raw | None:
    """Return what stands in *node*; None for `key:` and `key: ""`, which leave it unset."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _NULL_TAG or not node.value.strip():
            return None
        problem = "" if node.tag in _PLAIN_TAGS else "must be a plain value; tags such as !secret are not supported"
        return Raw(name, node.value.strip(), where, problem)
    items = node.value if isinstance(node, yaml.SequenceNode) else []
    if items and all(isinstance(item, yaml.ScalarNode) and item.tag in _PLAIN_TAGS for item in items):
        return Raw(name, [item.value.strip() for item in items], where)
    return Raw(name, "", where, "must be one plain value") if items or isinstance(node, yaml.MappingNode) else None
