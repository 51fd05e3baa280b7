"""Dynamo's ends of a chat: `echo ENDPOINT MODEL`, a worker that repeats what it is told,
`mocker ENDPOINT MODEL FOLDER BLOCK CONTEXT`, one that takes tokens, so many to a block of its cache and in prompt and
answer together, or `frontend PORT`, with `kv` behind it one that routes by KV cache. With a number behind that its
router saves its state when there are more events in the stream, up to 1.2.

SIGTERM ends them as it ends Dynamo's own programs: by a shutdown of the runtime.
"""

import asyncio
import os
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

from channel import end, end_with, fail, listen, say
from runtime import RELEASE, connect


def arguments_of(role: str, place: str, *more: str) -> tuple[EntrypointArgs, str]:
    path = f"dyn://{place}"
    if role == "echo":
        (model,) = more
        return EntrypointArgs(EngineType.Echo, model_name=model, endpoint_id=path), path
    if role == "mocker":
        model, folder, block, context = more
        # 1.2 writes addresses of the hub into the card, unless the model's name is that of a folder.
        os.chdir(folder)
        Path(model).mkdir(exist_ok=True)
        # The card has a block size of its own, and up to 1.2 the length of the context.
        engine = {"model_path": folder, "extra_engine_args": f"{folder}/mocker.json", "kv_cache_block_size": int(block)}
        if RELEASE < (1, 3):
            engine["context_length"] = int(context)
        return EntrypointArgs(EngineType.Mocker, model_name=model, endpoint_id=path, **engine), path
    router = RouterConfig(RouterMode.KV, kv_config_of(*more[1:])) if more[:1] == ("kv",) else None
    return EntrypointArgs(EngineType.Dynamic, http_port=int(place), router_config=router), "http"


def kv_config_of(threshold: str = "1000000") -> KvRouterConfig:
    """Up to 1.2, one that hears events out of JetStream: 0.7 and 0.8 know no other way."""
    if RELEASE >= (1, 3):
        return KvRouterConfig()
    durable = {} if RELEASE < (1, 0) else {"durable_kv_events": True}
    return KvRouterConfig(router_snapshot_threshold=int(threshold), **durable)


async def main(*words: str) -> None:
    try:
        runtime = connect()
        arguments, where = arguments_of(*words)
        engine = await make_engine(runtime, arguments)
    except Exception as error:
        fail(error)
    end_with(asyncio.ensure_future(run_input(runtime, where, engine)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, runtime.shutdown)
    say({"started": words[0]})
    async for _ in listen():
        pass
    end()


uvloop.run(main(*sys.argv[1:]))
