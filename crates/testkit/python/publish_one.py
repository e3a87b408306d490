"""One message by a named client that runs no loop. Further arguments: the payload, QoS, and `retain`."""

from arguments import HOST, PORT, REST, new_client, say

client = new_client(client_id="client04")
client.connect(HOST, PORT)
info = client.publish(topic="test", payload=REST[0], qos=int(REST[1]), retain="retain" in REST)
say("rc:", info.rc)
say("mid:", info.mid)
client.disconnect()
