"""Measures the SelectionService of Dynamo, and prints the figures as JSON.

It gets its blocks the way a service that starts gets them from another one: with `GET /dump`. Workers are given the
address of a socket on which no events come.
"""

import asyncio
import gc
import http.server
import json
import os
import socket
import sys
import threading
import time

from dynamo.llm import SelectionService
from workload import read

BLOCK_SIZE = 16
MODEL = "model"
AT_ONCE = 64


class Dump(http.server.BaseHTTPRequestHandler):
    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_) -> None:
        pass


async def take_in(service: SelectionService, events: list) -> socket.socket:
    """Gives the socket that the workers are said to have: when it is closed the service tries it again and again."""
    said = [b'{"worker_id":%d,"storage_tier":"device","event":%s}' % event for event in events]
    Dump.body = b'{"%s:default":{"block_size":%d,"events":[%s]}}' % (MODEL.encode(), BLOCK_SIZE, b",".join(said))
    server = http.server.HTTPServer(("127.0.0.1", 0), Dump)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if not await service.recover_indexer_from_peers([f"http://127.0.0.1:{server.server_port}"]):
        raise RuntimeError("the service did not take the events")
    silent = socket.create_server(("127.0.0.1", 0), backlog=4096)
    address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
    for worker in sorted({worker for worker, _ in events}):
        where = {"endpoint": f"http://{worker}", "kv_events_endpoints": {0: address}}
        await service.upsert_worker({"worker_id": worker, "model_name": MODEL, "block_size": BLOCK_SIZE, **where})
    return silent


def request(prompt: dict) -> dict:
    # `select` wants numbers with a sign, other than `/dump`.
    hashes = [hash - (1 << 64) if hash >> 63 else hash for hash in prompt["hashes"]]
    of_prompt = {"block_hashes": hashes, "sequence_hashes": hashes, "isl_tokens": prompt["tokens"]}
    return {"model_name": MODEL, **of_prompt}


async def deciding(service: SelectionService, prompts: list) -> dict:
    took, matched = [], 0
    requests = [request(prompt) for prompt in prompts]
    for one in requests:
        start = time.perf_counter_ns()
        selected = await service.select(one)
        took.append((time.perf_counter_ns() - start) / 1000)
        matched += selected["overlap"]["longest_matched"] // BLOCK_SIZE
    start = time.perf_counter_ns()
    for at in range(0, len(requests), AT_ONCE):
        await asyncio.gather(*(service.select(one) for one in requests[at : at + AT_ONCE]))
    per_second = len(requests) * 1e9 / (time.perf_counter_ns() - start)
    return {"tookUs": took, "matched": matched, "perSecond": per_second}


async def main() -> None:
    events, prompts = read()
    service = SelectionService()
    silent = await take_in(service, events)
    events.clear()
    gc.collect()
    gc.disable()
    # Warm first.
    await deciding(service, prompts[0][:200])
    json.dump([await deciding(service, some) for some in prompts], sys.stdout)
    sys.stdout.flush()
    silent.close()
    # Its many threads are not waited for.
    os._exit(0)


asyncio.run(main())
