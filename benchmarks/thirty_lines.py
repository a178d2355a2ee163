"""What one writes first: poll the list, keep the ids that were seen in a file, post a message. With care."""

import json
import os
import time
from pathlib import Path

import httpx
from slack_sdk import WebClient

file = Path("seen.json")
url = f"{os.environ['CHANJING_BASE_URL']}/open/v1/video_lip_sync/list"
headers = {"access_token": os.environ["CHANJING_ACCESS_TOKEN"]}
slack = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_BASE_URL"], timeout=10)
first = not file.exists()
seen = set() if first else set(json.loads(file.read_text()))

while True:
    try:
        answer = httpx.post(url, headers=headers, json={"page": 1, "page_size": 50}, timeout=10, trust_env=False)
        for task in answer.json()["data"]["list"]:
            if task["status"] in {20, 30} and task["id"] not in seen:
                if not first:
                    how = f"ready: {task['video_url']}" if task["status"] == 20 else f"failed: {task['msg']}"
                    slack.chat_postMessage(channel=os.environ["SLACK_CHANNEL"], text=f"Video {task['id']} is {how}")
                seen.add(task["id"])
                file.write_text(json.dumps(sorted(seen)))
        first = False
    except Exception as error:  # noqa: BLE001 - the next poll tries again
        print(error)
    time.sleep(0.2)
