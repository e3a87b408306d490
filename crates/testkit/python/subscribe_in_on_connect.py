"""Subscribes from the callback that tells of the connection, and listens for ever."""

from arguments import HOST, PORT, new_client, say, say_message


def on_connect(client, userdata, flags, code, properties=None):
    say("connected", code)
    client.subscribe("Topic1")


def on_disconnect(client, userdata, *rest):
    say("disconnected")


client = new_client()
client.on_connect = on_connect
client.on_disconnect = on_disconnect
client.on_message = say_message
client.connect(HOST, PORT, 60)
client.loop_forever()
