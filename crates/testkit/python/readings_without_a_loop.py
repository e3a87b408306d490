"""A sensor that publishes readings until it is stopped, without any loop, with a Will, and with a retained status first."""

import random
import time

from arguments import HOST, PORT, new_client, say

client = new_client()
client.will_set("status/offline", "sensor is gone", qos=1)
client.connect(HOST, PORT, 60)
client.publish("status/online", "sensor is here", retain=True)
while True:
    celsius = round(random.uniform(20.0, 30.0), 2)
    client.publish("sensor/temperature", celsius)
    say("sent", celsius)
    time.sleep(0.05)
