"""Publishes over WebSocket at QoS 2: so many messages, the last of so many bytes."""

from arguments import HOST, PORT, REST, new_client

count, size = int(REST[0]), int(REST[1])
client = new_client(client_id="publisher", transport="websockets")
client.connect(HOST, PORT)
client.loop_start()
for number in range(count):
    client.publish(f"room/{number}", f"reading {number}", qos=2).wait_for_publish()
client.publish("room/large", "x" * size, qos=2).wait_for_publish()
client.disconnect()
client.loop_stop()
