"""Publishes numbers without end, through every end of the server, until a file exists; then waits for what is not acknowledged.

HOST PORT API, then: protocol (311 or 5), Client Identifier, QoS, the file.
"""

import os
from time import time

from arguments import REST, say
from durable_client import connected, durable_client

PROTOCOL, NAME, QOS, STOP = REST[0], REST[1], int(REST[2]), REST[3]
WINDOW = 10


def main():
    waiting = set()
    client = durable_client(PROTOCOL, NAME)
    client.on_publish = lambda client, userdata, mid, *rest: waiting.discard(mid)
    say("ready")
    number = 0
    deadline = None
    while deadline is None or (waiting and time() < deadline):
        connected(client)
        if deadline is None and os.path.exists(STOP):
            deadline = time() + 20
        while deadline is None and client.is_connected() and len(waiting) < WINDOW:
            waiting.add(client.publish("load/" + NAME, str(number) + ":", QOS).mid)
            number += 1
        client.loop(0.01)
    say(f"acknowledged {number}" if not waiting else f"not acknowledged: {sorted(waiting)}")


main()
