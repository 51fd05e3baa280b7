"""JSON lines between a program and the harness that started it."""

import asyncio
import json
import os
import sys

# A request may hold a text of a megabyte.
MAX_LINE = 64 * 1024 * 1024

# Lines of the harness begin with this; whatever else is printed is a log.
MARK = "@interop "


def say(message: dict) -> None:
    print(MARK + json.dumps(message), flush=True)


async def listen():
    """What the harness sends, until it is gone."""
    reader = asyncio.StreamReader(limit=MAX_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


def end(code: int = 0) -> None:
    """Ends the process at once: threads of the runtime may not be done, and nobody waits for them."""
    os._exit(code)


def fail(error: BaseException) -> None:
    """Ends the process, and says why."""
    say({"failed": str(error)})
    end(1)


def end_with(work: asyncio.Future) -> None:
    """Ends the process when this does."""

    def on_done(_) -> None:
        error = work.exception()
        if error:
            fail(error)
        end()

    work.add_done_callback(on_done)
