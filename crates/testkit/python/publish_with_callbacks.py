"""Publishes in a loop of its own while paho's thread does the rest, and tells what its callbacks are told. Never disconnects."""

from time import sleep

from arguments import HOST, PORT, REST, new_client, say


def on_connect(client, userdata, flags, code, properties=None):
    say("connected", code)


def on_disconnect(client, userdata, *rest):
    say("disconnected")


def on_publish(client, userdata, mid, *rest):
    say("published", mid)


def main():
    client = new_client()
    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_publish = on_publish
    client.connect(HOST, PORT, 60)
    client.loop_start()
    for number in range(int(REST[0])):
        client.publish("Topic1", f"greeting {number}")
        sleep(0.05)
    sleep(0.5)


main()
