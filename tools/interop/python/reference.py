"""The reference endpoint of the conformance kit, as far as a Python handler of Dynamo can be one.

README of @dynamo/request-plane-conformance, "From the command line". `repr` is beside it, and tells how a value
looks from here; so is `raise`, which raises an exception of Python or of Dynamo by its name.
"""

import asyncio
import builtins
import hashlib

import dynamo._core as core

accounts: dict[str, dict] = {}

# What the words of the kit are among the exceptions that a handler may raise, where there is one.
EXCEPTIONS = {
    "invalid_argument": "InvalidArgument",
    "cannot_connect": "CannotConnect",
    "disconnected": "Disconnected",
    "deadline_exceeded": "ConnectionTimeout",
    "cancelled": "Cancelled",
    "unavailable": "WorkerUnavailable",
}


async def handle(request, context):
    answer = ANSWERS.get(request.get("do")) if isinstance(request, dict) else None
    if answer is None:
        raise exception_named("InvalidArgument", "The reference endpoint doesn't know this request")
    async for item in answer(request, context):
        yield item


def exception_named(name: str, message: str) -> Exception:
    """One of Dynamo's own. Releases that lack it have ValueError for a wrong request, and no other."""
    found = getattr(core, name, None) or getattr(builtins, name, None)
    if found is None:
        found = ValueError if name == "InvalidArgument" else RuntimeError
    return found(message)


async def echo(request, _context):
    yield request.get("value")


async def show(request, _context):
    yield repr(request["value"])


async def digest(request, _context):
    content = request["text"].encode()
    yield {"length": len(content), "sha256": hashlib.sha256(content).hexdigest()}


async def describe(_request, context):
    metadata = dict(context.metadata.items()) if hasattr(context, "metadata") else {}
    yield {"id": context.id(), "headers": {}, "metadata": metadata, "msLeft": None}


async def count(request, context):
    pad = "x" * request.get("pad", 0)
    for n in range(request["items"]):
        if context.is_stopped():
            return
        if n > 0 and "everyMs" in request:
            await asyncio.sleep(request["everyMs"] / 1000)
        yield {"n": n, "pad": pad}


async def fail(request, _context):
    for n in range(request.get("after", 0)):
        yield {"n": n}
    name = EXCEPTIONS.get(request.get("code"), "RuntimeError")
    raise exception_named(request.get("exception", name), request["message"])


async def endless(request, context):
    account = open_account(request["key"])
    pad = "x" * request.get("pad", 0)
    n = 0
    try:
        while not context.is_stopped():
            yield {"n": n, "pad": pad}
            n += 1
            account["items"] = n
            await asyncio.sleep(request.get("everyMs", 0) / 1000)
        if not context.is_killed():
            yield "last words"
    finally:
        close_account(account, context)


async def hold(request, context):
    account = open_account(request["key"])
    try:
        while not context.is_stopped():
            await asyncio.sleep(0.005)
    finally:
        close_account(account, context)
    return
    yield


async def tell_account(request, _context):
    yield accounts.get(request["key"], {"state": "unknown", "items": 0, "reason": None})


def open_account(key: str) -> dict:
    return accounts.setdefault(key, {"state": "running", "items": 0, "reason": None})


def close_account(account: dict, context) -> None:
    account["state"] = "killed" if context.is_killed() else "stopped"
    account["reason"] = "cancelled"


ANSWERS = {
    "echo": echo,
    "repr": show,
    "digest": digest,
    "describe": describe,
    "count": count,
    "fail": fail,
    "endless": endless,
    "hold": hold,
    "account": tell_account,
}
