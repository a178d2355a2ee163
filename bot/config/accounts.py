"""The accounts of one configuration: what each takes over from the top level, and what must be its own."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

from bot.config.credentials import inherited
from bot.config.sections import Config
from bot.config.texts import Found, Raw

DEFAULT = "default"  # the account of who has named none


def shown(name: str) -> str:
    """Return how messages call the account *name*: "" for that of who has named none."""
    return "" if name == DEFAULT else name


def accounts_of(found: Found) -> dict[str, Found]:
    """Return what was found for each account, by its name, under keys such as `slack.channel`."""
    if not found.accounts:
        return {DEFAULT: found}
    places: dict[str, dict[str, list[Raw]]] = {name: {} for name in ("", *found.accounts)}
    for name, raws in found.places.items():
        account, key = _split(name)
        places[account][key] = raws
    return {
        name: replace(found, account=name, places=inherited(places[""], places[name]) | places[name])
        for name in found.accounts
    }


def _split(name: str) -> tuple[str, str]:
    """Return the account and the key of `accounts.shop.slack.channel`; "" for the top level."""
    first, _, rest = name.partition(".")
    account, _, key = rest.partition(".")
    return (account, key) if first == "accounts" else ("", name)


def with_own_state(config: Config, found: Found) -> Config:
    """Return *config* with a state.path of the account's own: the shared one with the name before its suffix."""
    given = found.values.get("state.path")
    if not found.account or (given and given.name == found.name("state.path")):
        return config
    shared = config.state.path
    path = shared.with_name(f"{shared.stem}.{found.account}{shared.suffix}")
    return replace(config, state=replace(config.state, path=path))


def problems(configs: Mapping[str, Config]) -> Iterator[str]:
    """Yield a line for each two accounts that would keep one state."""
    first: dict[str, str] = {}
    for name, config in configs.items():
        if config.state.url is not None:
            continue  # there it is kept under the name of the account
        other = first.setdefault(os.path.realpath(config.state.path.expanduser()), name)
        if other != name:
            text = f"both are {config.state.path}. Each account needs a state of its own"
            yield f"accounts.{other}.state.path and accounts.{name}.state.path: {text}"


def shared_apps(configs: Mapping[str, Config]) -> Iterator[tuple[str, str]]:
    """Yield a warning for each two accounts that mint their tokens with one app: what it is about, and a sentence."""
    first: dict[tuple[str, str], str] = {}
    for name, config in configs.items():
        if (app_id := config.chanjing.app_id) is None:
            continue
        other = first.setdefault((config.chanjing.base_url, app_id), name)
        if other != name:
            text = "a new token of one ends that of the other. Give both the same chanjing.access_token_file instead."
            yield f"accounts.{name}.chanjing.app_id", f"it is also that of the account {other}: {text}"


def in_shard(name: str, index: int, count: int) -> bool:
    """Tell whether the account *name* belongs to shard *index* (from 0) of *count*."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()) % count == index
