"""What the bench sends to the programs that measure Dynamo's indexes, on stdin.

Lines are `event <worker> <JSON>` and `prompt <list> {"tokens": <count>, "hashes": [...]}`. All of them are read, and
prompts parsed, before anything is measured.
"""

import json
import sys


def read() -> tuple[list, list]:
    """Events as pairs of worker and bytes; lists of prompts."""
    events, prompts = [], []
    for line in sys.stdin.buffer:
        kind, number, rest = line.split(b" ", 2)
        if kind == b"event":
            events.append((int(number), rest))
            continue
        if int(number) == len(prompts):
            prompts.append([])
        prompts[int(number)].append(json.loads(rest))
    return events, prompts
