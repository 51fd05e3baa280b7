"""A worker of Dynamo that serves the reference endpoint at the dotted path it is given."""

import asyncio
import sys

import uvloop

from channel import end, end_with, fail, listen, say
from reference import handle
from runtime import connect, open_endpoint


async def main(path: str) -> None:
    try:
        endpoint = await open_endpoint(connect(), path, serving=True)
    except Exception as error:
        fail(error)
    end_with(asyncio.ensure_future(endpoint.serve_endpoint(handle)))
    say({"serving": path})
    async for _ in listen():
        pass
    end()


uvloop.run(main(sys.argv[1]))
