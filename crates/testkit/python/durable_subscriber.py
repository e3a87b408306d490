"""A subscriber with a name and without Clean Session: what is published while it is away waits for it."""

from arguments import HOST, PORT, new_client, say_message

client = new_client(client_id="client03", clean_session=False)
client.on_message = say_message
client.connect(HOST, PORT)
client.subscribe(topic="test", qos=1)
client.loop_forever()
