// A subscriber with a name, a Will and a Session that lasts: connects, subscribes at QoS 2, prints what comes.
// node subscriber.js URL VERSION WILL-TOPIC WILL-PAYLOAD

const mqtt = require("mqtt");

const [url, version, topic, payload] = process.argv.slice(2);
const client = mqtt.connect(url, {
  clientId: "browser",
  clean: false,
  protocolVersion: Number(version),
  properties: version === "5" ? { sessionExpiryInterval: 1000 } : undefined,
  will: { topic, payload, qos: 1 },
});
client.on("connect", (connack) => console.log(`connected ${connack.sessionPresent}`));
client.on("error", (error) => console.log(`error ${error.message}`));
client.on("message", (topic, payload, packet) => {
  const text = payload.length > 100 ? `${payload.length} bytes` : payload;
  console.log(`message ${topic} ${text} ${packet.qos}`);
});
client.subscribe("room/#", { qos: 2 }, () => console.log("subscribed"));
