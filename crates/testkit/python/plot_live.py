"""A subscriber that draws what a sensor says in a window while it comes, as beginners' programs do: paho-mqtt calls on_message, which draws.

HOST PORT API TOPIC LAST PICTURE. When the number LAST has come, it prints the line that stands in the window, keeps the picture, and leaves.
"""

import json
from collections import deque

import matplotlib.pyplot as plt
from arguments import HOST, PORT, REST, new_client, say

TOPIC, LAST, PICTURE = REST[0], float(REST[1]), REST[2]

readings = deque(maxlen=50)


def on_subscribe(client, userdata, mid, granted):
    say("subscribed")


def on_message(client, userdata, message):
    celsius = float(message.payload.decode())
    readings.append(celsius)
    plt.clf()
    plt.plot(readings)
    plt.pause(0.1)
    if celsius == LAST:
        say("curve", json.dumps(plt.gca().lines[0].get_xydata().tolist()))
        plt.savefig(PICTURE)
        client.disconnect()


client = new_client()
client.connect(HOST, PORT, 60)
client.subscribe(TOPIC)
client.on_subscribe = on_subscribe
client.on_message = on_message

plt.ion()
plt.show()
client.loop_forever()
