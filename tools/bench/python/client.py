"""A caller of Dynamo that keeps calls under way, as load.ts does. `client.py <name> <endpoint>`"""

import asyncio
import json
import math
import os
import sys
import time

import uvloop
from dynamo.runtime import DistributedRuntime

from channel import obey, say

REQUEST_BYTES = 1024


def request_for(items: int) -> dict:
    bare = len(json.dumps({"items": items, "text": ""}, separators=(",", ":")))
    return {"items": items, "text": "x" * (REQUEST_BYTES - bare)}


class Load:
    def __init__(self, client, case: dict, limit: dict) -> None:
        self.client = client
        self.items = case["items"]
        self.lanes = case["concurrency"]
        self.counts_items = case["counted"] == "items"
        self.calls_left = limit.get("calls", math.inf)
        self.milliseconds = limit.get("ms", math.inf)
        self.latencies: list[float] = []

    async def run(self) -> dict:
        start = time.perf_counter()
        end = start + self.milliseconds / 1000
        await asyncio.gather(*(self.lane(end) for _ in range(self.lanes)))
        seconds = time.perf_counter() - start
        calls = len(self.latencies)
        items = calls * self.items
        self.latencies.sort()
        return {
            "calls": calls,
            "items": items,
            "perSecond": (items if self.counts_items else calls) / seconds,
            "p50Ms": self.percentile(50),
            "p99Ms": self.percentile(99),
        }

    async def lane(self, end: float) -> None:
        request = request_for(self.items)
        while self.calls_left > 0 and time.perf_counter() < end:
            self.calls_left -= 1
            called = time.perf_counter()
            index = 0
            async for item in await self.client.round_robin(request):
                if item.data()["index"] != index:
                    raise ValueError(f"Item {index} is out of order")
                index += 1
            self.latencies.append((time.perf_counter() - called) * 1000)
            if index != self.items:
                raise ValueError(f"{index} items came instead of {self.items}")

    def percentile(self, percent: int) -> float:
        rank = math.ceil(percent / 100 * len(self.latencies))
        return self.latencies[max(rank, 1) - 1]


async def main(path: str) -> None:
    loop = asyncio.get_running_loop()
    client = None

    async def run(message: dict) -> dict:
        return await Load(client, message["benchCase"], message["limit"]).run()

    obey(loop, run)
    try:
        runtime = DistributedRuntime(loop, "file", os.environ["DYN_REQUEST_PLANE"])
        client = await runtime.endpoint(path).client()
        await client.wait_for_instances()
    except Exception as error:
        say({"type": "failed", "message": str(error)})
        raise
    say({"type": "ready"})
    await loop.create_future()


uvloop.run(main(sys.argv[2]))
