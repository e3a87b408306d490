"""A client with a Will, and four ways to go on. Further argument: which.

disconnect: says goodbye. end: the process just ends. repeat: publishes now and then, with a long Keep Alive. listen: runs paho's loop.
"""

from time import sleep

from arguments import HOST, PORT, REST, new_client, say

client = new_client(client_id="client04")
client.will_set(topic="test", payload="will message")
way = REST[0]
if way == "repeat":
    client.connect(HOST, PORT, keepalive=300)
    number = 1
    while True:
        client.publish(topic="test", payload=f"message {number}")
        say("sent", number)
        number += 1
        sleep(0.1)
client.connect(HOST, PORT)
info = client.publish(topic="test", payload="abc")
say("rc:", info.rc)
if way == "disconnect":
    client.disconnect()
if way == "listen":
    client.loop_forever()
