"""Starts paho's thread, publishes one message at QoS 1, stops the thread and disconnects, without waiting for anything in between."""

import json

from arguments import HOST, PORT, new_client, say


def on_connect(client, userdata, flags, code, properties=None):
    say("connected", code)


def on_disconnect(client, userdata, *rest):
    say("disconnected")


def on_publish(client, userdata, mid, *rest):
    say("published", mid)


client = new_client()
client.on_connect = on_connect
client.on_disconnect = on_disconnect
client.on_publish = on_publish
client.connect(HOST, PORT)
client.loop_start()
reading = json.dumps({"name": "boiler", "celsius": 61.5})
client.publish("test", reading, 1)
client.loop_stop()
client.disconnect()
