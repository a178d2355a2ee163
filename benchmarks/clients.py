"""What the bot's polls are measured beside. Run as a script: `clients.py http.client|requests URL TOKEN POLLS`.

Each posts the same body as an idle poll and parses the answer. It prints its CPU seconds a poll, and its resident MiB.
"""

import http.client
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

BODY = {"page": 1, "page_size": 50}
_LIST = "/open/v1/video_lip_sync/list"


def resident(pid: int | str = "self") -> float:
    """Return the resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def least(url: str, token: str) -> Callable[[], object]:
    """Return the least that Python can do: one kept connection, no library."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Content-Type": "application/json", "access_token": token}

    def poll() -> object:
        connection.request("POST", _LIST, json.dumps(BODY), headers)
        return json.loads(connection.getresponse().read())

    return poll


def sample(url: str, token: str) -> Callable[[], object]:
    """Return the Python sample of Chanjing's own page: requests, a new connection each time."""
    import requests  # noqa: PLC0415 - its import is part of what is measured

    def poll() -> object:
        headers = {"access_token": token, "Content-Type": "application/json"}
        answer = requests.request("POST", url + _LIST, headers=headers, data=json.dumps(BODY), timeout=10)
        return answer.json()

    return poll


def main() -> None:
    """Poll as often as asked, and print the figures as JSON."""
    name, url, token, polls = sys.argv[1:]
    poll = {"http.client": least, "requests": sample}[name](url, token)
    poll()
    first = time.process_time()
    for _ in range(int(polls)):
        poll()
    spent = time.process_time() - first
    print(json.dumps({"start": first, "poll": spent / int(polls), "memory": resident()}))


if __name__ == "__main__":
    main()
