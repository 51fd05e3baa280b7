"""Dynamo's ends of a chat: `echo ENDPOINT MODEL`, a worker that repeats what it is told, or `frontend PORT`.

SIGTERM ends them as it ends Dynamo's own programs: by a shutdown of the runtime.
"""

import asyncio
import signal
import sys

import uvloop
from dynamo.llm import EngineType, EntrypointArgs, make_engine, run_input

from channel import end, listen, say
from runtime import connect


def arguments_of(role: str, place: str, model: str | None = None) -> tuple[EntrypointArgs, str]:
    if role == "echo":
        path = f"dyn://{place}"
        return EntrypointArgs(EngineType.Echo, model_name=model, endpoint_id=path), path
    return EntrypointArgs(EngineType.Dynamic, http_port=int(place)), "http"


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
