"""Subscribes at QoS 1 right behind connect(), before any answer was read, and decodes JSON."""

import json

from arguments import HOST, PORT, new_client, say


def on_connect(client, userdata, flags, code, properties=None):
    say("connected", code)


def on_disconnect(client, userdata, *rest):
    say("disconnected")


def on_subscribe(client, userdata, mid, granted, *rest):
    say("subscribed", mid, [int(getattr(code, "value", code)) for code in granted])


def on_message(client, userdata, message):
    fields = json.loads(message.payload.decode("utf-8"))
    say("fields", message.topic, fields["name"], fields["celsius"])


client = new_client()
client.on_connect = on_connect
client.on_disconnect = on_disconnect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(HOST, PORT)
client.subscribe("test", 1)
client.loop_forever()
