"""A client with aiomqtt; what it says and does is told in tests/foreign_clients.rs."""

import asyncio
import sys

import aiomqtt


async def main(role, port, name, start, count):
    will = aiomqtt.Will("clients/will", "gone", qos=1) if role == "publish" else None
    client = aiomqtt.Client("127.0.0.1", port, identifier=name, clean_session=False, will=will)
    async with client:
        # aiomqtt keeps to itself whether the server had a Session.
        print("connected ?", flush=True)
        if role == "publish":
            for number in range(start, start + count):
                await client.publish("clients/readings", str(number), qos=2)
            print("published", flush=True)
            await asyncio.Event().wait()
        await client.subscribe("clients/#", qos=2)
        async for message in client.messages:
            print(message.topic, message.qos, message.payload.decode(), flush=True)
            count -= 1
            if count == 0:
                return


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
