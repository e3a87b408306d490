"""Takes every message, through every end of the server, and prints topic and number.

HOST PORT API, then: protocol (311 or 5), Client Identifier.
"""

from arguments import REST, say
from durable_client import connected, durable_client


def on_message(client, userdata, message):
    say("message", message.topic, message.payload.decode().split(":")[0])


def main():
    client = durable_client(REST[0], REST[1])
    client.on_message = on_message
    client.on_subscribe = lambda *rest: say("ready")
    client.subscribe("load/#", 2)
    while True:
        connected(client)
        client.loop(0.05)


main()
