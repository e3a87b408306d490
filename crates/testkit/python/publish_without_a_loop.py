"""Connects, publishes, disconnects; runs no loop and reads nothing, ever. All of it must arrive.

Further arguments: how many messages, and their QoS.
"""

from arguments import HOST, PORT, REST, new_client, say

client = new_client()
client.connect(HOST, PORT, 60)
for number in range(int(REST[0])):
    client.publish("test/topic", f"message {number}", qos=int(REST[1]))
    say("sent", number)
client.disconnect()
