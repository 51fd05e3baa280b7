"""The frame of a Python program that the bench started: it speaks over Node's IPC channel, which is lines of JSON."""

import asyncio
import json
import os
import resource
import socket
import threading

_channel = socket.socket(fileno=int(os.environ.pop("NODE_CHANNEL_FD")))


def say(message: dict) -> None:
    _channel.sendall(json.dumps(message).encode() + b"\n")


def obey(loop: asyncio.AbstractEventLoop, run=None) -> None:
    """Answers the bench from a thread of its own, and ends the process when the bench says so or is gone."""

    def listen() -> None:
        with _channel.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                message = json.loads(line)
                if message["type"] == "stop":
                    break
                if message["type"] == "usage":
                    say(usage())
                elif run:
                    asyncio.run_coroutine_threadsafe(answer(run, message), loop)
        # Threads of the runtime may not be done, and nobody waits for them.
        os._exit(0)

    # Dynamo's caller logs each request, whatever DYN_LOG says. What goes wrong is said over the channel.
    for output in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    _channel.setblocking(True)
    threading.Thread(target=listen, daemon=True).start()


async def answer(run, message: dict) -> None:
    try:
        say({"type": "done", "sample": await run(message)})
    except Exception as error:
        say({"type": "failed", "message": f"{type(error).__name__}: {error}"})


def usage() -> dict:
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/statm", encoding="ascii") as statm:
        resident = int(statm.read().split()[1]) * resource.getpagesize()
    return {"type": "usage", "cpuMs": (used.ru_utime + used.ru_stime) * 1000, "residentBytes": resident}
