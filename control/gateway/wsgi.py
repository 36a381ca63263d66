"""The data plane as a plain WSGI application, for servers other than Seawall's own.

Such a server has no express lane, and its own habits with slow clients; everything from the
pipeline on is the same. Triton and the controller are those of a Seawall that runs already:

    gunicorn --threads 16 "control.gateway.wsgi:application('var/run/setup.json')"
"""

import asyncio
import atexit
import threading

import uvloop
from flask import Flask

from control.child import ChildSetup, load_child_setup
from control.gateway.assembly import Gateway
from control.gateway.bridge import Bridge
from control.gateway.flask_app import create_app


def application(setup_file: str) -> Flask:
    """Build the application over a gateway of its own, whose event loop runs on a thread."""
    setup = load_child_setup(setup_file)
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="gateway", daemon=True).start()
    gateway = asyncio.run_coroutine_threadsafe(_start(setup), loop).result()
    atexit.register(gateway.traffic.close)  # nothing else here is told of the end
    return create_app(gateway, Bridge(loop))


async def _start(setup: ChildSetup) -> Gateway:
    gateway = Gateway(setup.settings, setup.paths)
    gateway.start()
    return gateway
