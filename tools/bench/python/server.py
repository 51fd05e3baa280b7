"""A worker of Dynamo."""

import asyncio
import os

import uvloop
from dynamo.runtime import DistributedRuntime

from channel import obey, say

ENDPOINT = "bench.python.generate"


# The runtime passes a context to handlers that have a parameter of this name.
async def generate(request, context):
    for index in range(request["items"]):
        yield {"id": "chatcmpl-0123456789", "index": index, "delta": {"content": " token"}}


async def main() -> None:
    loop = asyncio.get_running_loop()
    obey(loop)
    try:
        runtime = DistributedRuntime(loop, "file", os.environ["DYN_REQUEST_PLANE"])
        serving = asyncio.ensure_future(runtime.endpoint(ENDPOINT).serve_endpoint(generate))
    except Exception as error:
        say({"type": "failed", "message": str(error)})
        raise
    say({"type": "ready", "address": ENDPOINT})
    await serving


uvloop.run(main())
