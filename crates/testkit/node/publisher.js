// Publishes at QoS 2: so many messages, the last of so many bytes. node publisher.js URL VERSION COUNT SIZE

const mqtt = require("mqtt");

const [url, version, count, size] = process.argv.slice(2);

async function publish() {
  const client = await mqtt.connectAsync(url, { clientId: "publisher", protocolVersion: Number(version) });
  for (let number = 0; number < Number(count); number++) {
    await client.publishAsync(`room/${number}`, `reading ${number}`, { qos: 2 });
  }
  await client.publishAsync("room/large", "x".repeat(Number(size)), { qos: 2 });
  await client.endAsync();
}

publish();
