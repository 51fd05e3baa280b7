"""Dynamo's frontend, on loopback. `frontend.py <port>`"""

import asyncio
import os
import socket
import sys
import threading

import uvloop
from dynamo.llm import EngineType, EntrypointArgs, make_engine, run_input
from dynamo.runtime import DistributedRuntime


def end_with_starter() -> None:
    """Whoever started this holds the other end of the channel."""
    channel = socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))
    channel.setblocking(True)
    while channel.recv(4096):
        pass
    os._exit(0)


async def main(port: int) -> None:
    threading.Thread(target=end_with_starter, daemon=True).start()
    runtime = DistributedRuntime(asyncio.get_running_loop(), "file", os.environ["DYN_REQUEST_PLANE"])
    arguments = EntrypointArgs(EngineType.Dynamic, http_host="127.0.0.1", http_port=port)
    await run_input(runtime, "http", await make_engine(runtime, arguments))


uvloop.run(main(int(sys.argv[1])))
