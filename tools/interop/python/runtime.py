"""What differs between the releases of Dynamo's Python bindings, in one place.

The harness sets DYN_REQUEST_PLANE, DYN_DISCOVERY_BACKEND and DYN_STORE_KV, and DYN_FILE_KV or ETCD_ENDPOINTS.
"""

import asyncio
import os
from importlib.metadata import version

from dynamo.runtime import DistributedRuntime

RELEASE = tuple(int(part) for part in version("ai-dynamo-runtime").split(".")[:2])


def connect() -> DistributedRuntime:
    """A runtime that finds others, on the plane that the environment names."""
    loop = asyncio.get_running_loop()
    store = os.environ["DYN_STORE_KV"]
    if RELEASE < (0, 8):
        return DistributedRuntime(loop, store, False)
    plane = os.environ["DYN_REQUEST_PLANE"]
    if RELEASE < (1, 2):
        # These open a connection to NATS on every plane unless they are told not to.
        return DistributedRuntime(loop, store, plane, enable_nats="NATS_SERVER" in os.environ)
    return DistributedRuntime(loop, store, plane)


async def open_endpoint(runtime: DistributedRuntime, path: str, *, serving: bool):
    """The endpoint with this dotted path. Up to 1.0 a component has to exist before one of its endpoints is served."""
    if hasattr(runtime, "endpoint"):
        return runtime.endpoint(path)
    namespace, component_name, name = path.split(".")
    component = runtime.namespace(namespace).component(component_name)
    if serving and hasattr(component, "create_service"):
        await component.create_service()
    return component.endpoint(name)
