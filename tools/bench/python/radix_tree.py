"""Measures the RadixTree of Dynamo with the events and prompts that come on stdin, and prints the figures as JSON.

Lines are `event <worker> <JSON>` and `prompt <list> <JSON array of block hashes>`. All of them are read, and prompts
parsed, before anything is measured.
"""

import gc
import json
import resource
import sys
import time

from dynamo.llm import RadixTree


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def read() -> tuple[list, list]:
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


def matching(tree: RadixTree, prompts: list) -> dict:
    took, matched = [], 0
    now, find = time.perf_counter_ns, tree.find_matches
    for prompt in prompts:
        start = now()
        found = find(prompt)
        took.append((now() - start) / 1000)
        # What Python makes of the answer is not measured.
        matched += sum(found.scores.values())
    return {"tookUs": took, "matched": matched}


def main() -> None:
    events, prompts = read()
    gc.collect()
    gc.disable()
    before = resident()
    tree = RadixTree()
    apply = tree.apply_event
    start = time.perf_counter_ns()
    for worker, event in events:
        apply(worker, event)
    apply_ms = (time.perf_counter_ns() - start) / 1e6
    grown = resident() - before
    # Warm first.
    matchings = [(matching(tree, some), matching(tree, some))[1] for some in prompts]
    json.dump({"applyMs": apply_ms, "grownBytes": grown, "matchings": matchings}, sys.stdout)


main()
