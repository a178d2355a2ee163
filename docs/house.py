"""Print the picture of which folder of bot/ imports which, for docs/architecture.md, in Mermaid.

An arrow that follows from two others is left out.
"""

import grimp


def house() -> str:
    """Return the picture as the code is now."""
    graph = grimp.build_graph("bot")
    folders = [*sorted(name for name in graph.find_children("bot") if graph.find_children(name)), "bot.app"]
    for name in folders:
        if graph.find_children(name):
            graph.squash_module(name)
    below = {name: graph.find_modules_directly_imported_by(name) & {*folders} - {name} for name in folders}

    def reached(name: str) -> set[str]:
        return below[name].union(*map(reached, below[name]))

    arrows = (
        f"  {upper.removeprefix('bot.')} --> {lower.removeprefix('bot.')}"
        for upper in folders
        for lower in sorted(below[upper])
        if not any(lower in reached(other) for other in below[upper])
    )
    return "\n".join(["graph TD", *arrows])


if __name__ == "__main__":
    print(house())  # noqa: T201 - its result
