"""A client whose Session lasts: paho-mqtt keeps its state, and the programs connect again."""

from time import sleep

import paho.mqtt.client as mqtt
from paho.mqtt.properties import PacketTypes, Properties

from arguments import HOST, PORT, new_client


def durable_client(protocol, name):
    """Connected, the CONNACK included."""
    if protocol == "5":
        client = new_client(client_id=name, protocol=mqtt.MQTTv5)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0xFFFFFFFF
        client.connect(HOST, PORT, clean_start=False, properties=properties)
    else:
        client = new_client(client_id=name, clean_session=False, protocol=mqtt.MQTTv311)
        client.connect(HOST, PORT)
    while not client.is_connected():
        client.loop(0.01)
    return client


def connected(client):
    """Connects again where the connection has ended, and waits for the CONNACK: what is published before it would overtake what is sent again."""
    # paho-mqtt 1 goes on to say that it is connected once it has lost the socket.
    while client.socket() is None or not client.is_connected():
        if client.socket() is None:
            remember_what_was_received(client)
            try:
                client.reconnect()
            except OSError:
                sleep(0.002)
                continue
        client.loop(0.01)


def remember_what_was_received(client):
    """With each attempt to connect, successful or not, paho-mqtt takes one step back: a message with a PUBREC is to have its PUBREL sent again, and
    with the next attempt it is published anew, and so delivered twice."""
    for message in client._out_messages.values():
        if message.state == mqtt.mqtt_ms_resend_pubrel:
            message.state = mqtt.mqtt_ms_wait_for_pubcomp
