"""Measures the RadixTree of Dynamo, and prints the figures as JSON."""

import gc
import json
import resource
import sys
import time

from dynamo.llm import RadixTree
from workload import read


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def matching(tree: RadixTree, prompts: list) -> dict:
    took, matched = [], 0
    now, find = time.perf_counter_ns, tree.find_matches
    for prompt in prompts:
        hashes = prompt["hashes"]
        start = now()
        found = find(hashes)
        took.append((now() - start) / 1000)
        # What Python makes of the answer is not measured.
        matched += sum(found.scores.values())
    return {"tookUs": took, "matched": matched}


def take_in(tree: RadixTree, events: list) -> float:
    """Gives milliseconds."""
    apply = tree.apply_event
    start = time.perf_counter_ns()
    for worker, event in events:
        apply(worker, event)
    return (time.perf_counter_ns() - start) / 1e6


def main() -> None:
    events, prompts = read()
    gc.collect()
    gc.disable()
    before = resident()
    tree = RadixTree()
    apply_ms = [take_in(tree, events)]
    grown = resident() - before
    # Warm first.
    matchings = [(matching(tree, some), matching(tree, some))[1] for some in prompts]
    apply_ms += [take_in(RadixTree(), events) for _ in range(2)]
    json.dump({"applyMs": apply_ms, "grownBytes": grown, "matchings": matchings}, sys.stdout)


main()
