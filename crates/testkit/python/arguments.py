"""What every program here is told on its command line: HOST PORT API, where API is the callback version of paho-mqtt, 1 or 2.

The programs make the calls of everyday tutorials, in their order, and print what they see; the tests of clients.rs start them.
"""

import sys

import paho.mqtt.client as mqtt

HOST = sys.argv[1]
PORT = int(sys.argv[2])
API = int(sys.argv[3])
REST = sys.argv[4:]


def new_client(**options):
    """A client of either API; paho-mqtt before 2.0 knows only the first, and has no name for it."""
    if not hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(**options)
    version = mqtt.CallbackAPIVersion.VERSION1 if API == 1 else mqtt.CallbackAPIVersion.VERSION2
    return mqtt.Client(version, **options)


def say(*words):
    """A line of output, at once."""
    print(*words, flush=True)


def say_message(client, userdata, message):
    """A callback for messages: topic, payload, QoS and whether it was retained."""
    say("message", message.topic, message.payload.decode(), message.qos, int(message.retain))
