"""Dynamo's ends of a chat: `echo ENDPOINT MODEL`, a worker that repeats what it is told, `mocker ENDPOINT MODEL FOLDER`,
one that takes tokens, or `frontend PORT`, with `kv` behind it one that routes by KV cache.

SIGTERM ends them as it ends Dynamo's own programs: by a shutdown of the runtime.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop
from dynamo.llm import (
    EngineType,
    EntrypointArgs,
    KvRouterConfig,
    RouterConfig,
    RouterMode,
    make_engine,
    run_input,
)

from channel import end, listen, say
from runtime import connect


def arguments_of(role: str, place: str, *more: str) -> tuple[EntrypointArgs, str]:
    path = f"dyn://{place}"
    if role == "echo":
        (model,) = more
        return EntrypointArgs(EngineType.Echo, model_name=model, endpoint_id=path), path
    if role == "mocker":
        model, folder = more
        settings = Path(folder, "mocker.json")
        # The card has a block size of its own.
        block_size = json.loads(settings.read_text())["engine"]["block_size"]
        engine = {"model_path": folder, "extra_engine_args": str(settings), "kv_cache_block_size": block_size}
        return EntrypointArgs(EngineType.Mocker, model_name=model, endpoint_id=path, **engine), path
    router = RouterConfig(RouterMode.KV, KvRouterConfig()) if more == ("kv",) else None
    return EntrypointArgs(EngineType.Dynamic, http_port=int(place), router_config=router), "http"


async def main(*words: str) -> None:
    try:
        runtime = connect()
        arguments, where = arguments_of(*words)
        engine = await make_engine(runtime, arguments)
    except Exception as error:
        say({"failed": str(error)})
        end()
    running = asyncio.ensure_future(run_input(runtime, where, engine))
    running.add_done_callback(lambda _: end())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, runtime.shutdown)
    say({"started": words[0]})
    async for _ in listen():
        pass
    end()


uvloop.run(main(*sys.argv[1:]))
