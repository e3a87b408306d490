"""Ten numbered topics, looking at what publish() returns; neither loop nor disconnect."""

import time
from datetime import datetime

from arguments import HOST, PORT, new_client, say


def on_connect(client, userdata, flags, code, properties=None):
    say("connected", code)


def connected_client():
    client = new_client()
    client.on_connect = on_connect
    client.connect(HOST, PORT, 60)
    return client


client = connected_client()
for number in range(10):
    topic = f"test/{number}"
    result = client.publish(topic, datetime.now().strftime("%Y/%m/%d %H:%M:%S").encode("utf-8"))
    say("sent" if result[0] == 0 else "not sent", topic)
    time.sleep(0.02)
