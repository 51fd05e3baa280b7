"""A caller of Dynamo: each line of its input is a call, each line of its output what became of one.

    {"id": 1, "endpoint": "ns.comp.ep", "request": {…}, "operation": "round_robin", "instance": "7",
     "leaveAfter": 3, "stopAfter": 3, "waitFor": 1}
    {"id": 1, "items": [{"data": …}], "error": {"type": "ValueError", "text": "…"}}
"""

import asyncio
import re

import uvloop
from dynamo.runtime import Context

from channel import end, fail, listen, say
from runtime import connect, open_endpoint

clients: dict[str, asyncio.Future] = {}


async def client_of(runtime, path: str):
    """One client for each endpoint, as programs have."""

    async def make():
        endpoint = await open_endpoint(runtime, path, serving=False)
        return await endpoint.client()

    if path not in clients:
        clients[path] = asyncio.ensure_future(make())
    return await clients[path]


async def see_instances(client, count: int) -> None:
    await client.wait_for_instances()
    while len(client.instance_ids()) < count:
        await asyncio.sleep(0.02)


async def read_soon(client, command: dict, items: list) -> None:
    """For some moments after it has seen an instance, a client may still say that there is none."""
    for _ in range(250):
        try:
            return await read(client, command, items)
        except Exception as error:
            if not re.match(r"no instances found|instance_id=\d+ not found|Unavailable: No workers", str(error)):
                raise
        await asyncio.sleep(0.02)
    await read(client, command, items)


async def call(runtime, command: dict) -> None:
    items = []
    error = None
    try:
        client = await client_of(runtime, command["endpoint"])
        await see_instances(client, command.get("waitFor", 1))
        await read_soon(client, command, items)
    except Exception as raised:
        error = {"type": type(raised).__name__, "text": str(raised)}
    say({"id": command["id"], "items": items, "error": error})


async def read(client, command: dict, items: list) -> None:
    operation = getattr(client, command.get("operation", "round_robin"))
    context = Context() if "stopAfter" in command else None
    arguments = [command["request"]] + ([int(command["instance"])] if "instance" in command else [])
    stream = await operation(*arguments, **({"context": context} if context else {}))
    async for item in stream:
        items.append(item.data())
        if len(items) == command.get("leaveAfter"):
            return
        if len(items) == command.get("stopAfter"):
            context.stop_generating()


async def main() -> None:
    try:
        runtime = connect()
    except Exception as error:
        fail(error)
    say({"ready": True})
    calls = set()
    async for command in listen():
        task = asyncio.ensure_future(call(runtime, command))
        calls.add(task)
        task.add_done_callback(calls.discard)
    end()


uvloop.run(main())
