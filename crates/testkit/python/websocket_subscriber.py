"""A subscriber over WebSocket with a name, a Will and a Session that lasts: connects, subscribes at QoS 2, prints what comes."""

from arguments import HOST, PORT, REST, new_client, say, say_message

will_topic, payload = REST
client = new_client(client_id="browser", clean_session=False, transport="websockets")
client.will_set(will_topic, payload, qos=1)
client.on_message = say_message
client.on_subscribe = lambda *arguments: say("subscribed")
client.ws_set_options(path="/mqtt")
client.connect(HOST, PORT)
client.subscribe("room/#", qos=2)
client.loop_forever()
