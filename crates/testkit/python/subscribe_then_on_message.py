"""Subscribes before it says what to do with messages; keeps the last readings, as a chart would. Further argument: the filter."""

from collections import deque

from arguments import HOST, PORT, REST, new_client, say

readings = deque(maxlen=50)


def on_message(client, userdata, message):
    readings.append(message.payload.decode())
    say("message", message.topic, readings[-1], message.qos, int(message.retain))


client = new_client()
client.connect(HOST, PORT, 60)
client.subscribe(REST[0])
client.on_message = on_message
say("waiting")
client.loop_forever()
