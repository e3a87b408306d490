"""Sends itself twenty messages over TLS, and ends well when all have come."""

import sys

from arguments import HOST, PORT, REST, new_client, say

COUNT = 20
received = 0


def on_connect(client, userdata, flags, code, properties=None):
    client.subscribe("echo", qos=1)


def on_subscribe(client, userdata, mid, *rest):
    for number in range(1, COUNT + 1):
        client.publish("echo", f"{number} of {COUNT}", qos=1)


def on_message(client, userdata, message):
    global received
    received += 1
    say("message", message.topic, message.payload.decode())
    if received == COUNT:
        client.disconnect()


client = new_client()
client.tls_set(REST[0])
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(HOST, PORT, 60)
client.loop_forever()
sys.exit(received != COUNT)
