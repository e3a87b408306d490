/** MQTT 5 over WebSocket, as far as the page speaks it: sampled Subscriptions over made-up topics. */

import { WebSocketServer } from 'ws';
import { manyName, manyPayload } from './world.mjs';

const TICK_MS = 25;
/** A sample is at most the beginning of so many bytes, as the server's. */
const SAMPLE_PAYLOAD_BYTES_MAX = 65_536;

export class Broker {
  constructor(options, world) {
    this.options = options;
    this.world = world;
    this.sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt', maxPayload: 1 << 20 });
    this.clients = new Set();
    this.next = 0;
    this.owed = 0;
    this.due = new Map(world.named.map((topic) => [topic.name, Date.now() + Math.random() * topic.everyMs]));
    this.names = Array.from({ length: options.topics }, (_, index) => manyName(index));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.before = Date.now();
  }

  upgrade(request, socket, head) {
    this.sockets.handleUpgrade(request, socket, head, (ws) => this.accept(ws));
  }

  accept(ws) {
    const client = { ws, subscriptions: new Map(), rest: Buffer.alloc(0), isConnected: false, out: [], outBytes: 0 };
    this.clients.add(client);
    ws.on('message', (bytes) => this.read(client, Buffer.from(bytes)));
    ws.on('close', () => this.clients.delete(client));
    ws.on('error', () => ws.terminate());
  }

  dropAll() {
    for (const client of this.clients) client.ws.terminate();
  }

  read(client, bytes) {
    client.rest = Buffer.concat([client.rest, bytes]);
    for (;;) {
      const { rest } = client;
      let [length, digits] = [0, 0];
      do {
        if (1 + digits >= rest.length) return;
        length += (rest[1 + digits] & 0x7f) << (7 * digits);
      } while (rest[1 + digits++] >= 0x80);
      if (rest.length < 1 + digits + length) return;
      this.packet(client, rest[0], rest.subarray(1 + digits, 1 + digits + length));
      client.rest = rest.subarray(1 + digits + length);
    }
  }

  packet(client, first, body) {
    switch (first >> 4) {
      case 1:
        return this.connect(client, body);
      case 8:
        return this.subscribe(client, body);
      case 10: {
        client.subscriptions.delete(text(body, 3 + body[2]));
        client.subscriptions.delete(`sampled ${text(body, 3 + body[2])}`);
        return this.send(client, Buffer.from([0xb0, 4, body[0], body[1], 0, 0]));
      }
      case 12:
        return this.send(client, Buffer.from([0xd0, 0]));
    }
  }

  connect(client, body) {
    const flags = body[7];
    let at = 10 + 1 + body[10];
    const skip = () => {
      const found = text(body, at);
      at += 2 + body.readUInt16BE(at);
      return found;
    };
    skip();
    const username = flags & 0x80 ? skip() : null;
    const password = flags & 0x40 ? skip() : null;
    const user = this.world.user(username, password);
    if (user === null) {
      this.send(client, Buffer.from([0x20, 3, 0, 0x86, 0]));
      setTimeout(() => client.ws.close(), 50);
      return;
    }
    client.isConnected = true;
    this.send(client, Buffer.from([0x20, 3, 0, 0, 0]));
  }

  subscribe(client, body) {
    const end = 3 + body[2];
    let identifier = 0;
    let sampleMs = 0;
    for (let at = 3; at < end; ) {
      if (body[at] === 0x0b) {
        identifier = body[at + 1];
        at += 2;
      } else {
        const key = text(body, at + 1);
        const valueAt = at + 3 + Buffer.byteLength(key);
        if (key === 'midge-sample' && this.options.sampling) sampleMs = Number(text(body, valueAt));
        at = valueAt + 2 + Buffer.byteLength(text(body, valueAt));
      }
    }
    const filter = text(body, end);
    const retainHandling = (body.at(-1) >> 4) & 3;
    // An ordinary Subscription and a sampled one may be there for the same Topic Filter; UNSUBSCRIBE ends both.
    client.subscriptions.set(sampleMs > 0 ? `sampled ${filter}` : filter, { filter, identifier, sampleMs, pending: new Map(), sentMs: new Map() });
    this.send(client, Buffer.from([0x90, 4, body[0], body[1], 0, 0]));
    if (retainHandling === 2) return;
    for (const [topic, retained] of this.world.retained) {
      if (matches(filter, topic)) this.send(client, encode(topic, retained.payload, identifier, { retain: true }));
    }
  }

  /** A message that somebody published over HTTP. */
  publish(topic, payload, retain) {
    if (retain) this.world.retain(topic, payload);
    this.message(topic, payload, { retain });
    return 3;
  }

  tick() {
    const now = Date.now();
    if (!this.options.empty) {
      for (const topic of this.world.named) {
        if (this.due.get(topic.name) > now) continue;
        this.due.set(topic.name, now + topic.everyMs * (0.9 + 0.2 * Math.random()));
        const payload = Buffer.from(topic.payload(now));
        if (topic.retain) this.world.retain(topic.name, payload);
        this.message(topic.name, payload, topic);
      }
      this.owed = Math.min(this.owed + (this.options.rate * (now - this.before)) / 1000, this.options.rate);
      for (; this.owed >= 1 && this.names.length > 0; this.owed--) {
        this.next = (this.next + 7919) % this.names.length;
        this.message(this.names[this.next], Buffer.from(manyPayload(this.next, now)), {});
      }
    }
    this.before = now;
    for (const client of this.clients) {
      this.sampled(client, now);
      this.flush(client);
    }
  }

  message(topic, payload, { retain = false, contentType = null }) {
    this.world.seen(topic);
    for (const client of this.clients) {
      for (const subscription of client.subscriptions.values()) {
        if (!matches(subscription.filter, topic)) continue;
        if (subscription.sampleMs === 0) {
          this.send(client, encode(topic, payload, subscription.identifier, { retain, contentType }));
          continue;
        }
        const pending = subscription.pending.get(topic);
        const count = (pending?.count ?? 0) + 1;
        const isRetained = retain ? payload.length > 0 : pending?.isRetained;
        subscription.pending.set(topic, { payload, retain, isRetained, contentType, count, timeMs: Date.now() });
      }
    }
  }

  sampled(client, now) {
    for (const subscription of client.subscriptions.values()) {
      for (const [topic, one] of subscription.pending) {
        if (now - (subscription.sentMs.get(topic) ?? 0) < subscription.sampleMs) continue;
        subscription.sentMs.set(topic, now);
        subscription.pending.delete(topic);
        this.send(client, encode(topic, one.payload.subarray(0, SAMPLE_PAYLOAD_BYTES_MAX), subscription.identifier, { ...one, payloadBytes: one.payload.length }));
      }
    }
  }

  send(client, packet) {
    if (this.options.each) {
      client.ws.send(packet);
      return;
    }
    client.out.push(packet);
    client.outBytes += packet.length;
    if (client.outBytes > 32_768 || !client.isConnected) this.flush(client);
  }

  flush(client) {
    if (client.out.length === 0) return;
    client.ws.send(Buffer.concat(client.out));
    client.out = [];
    client.outBytes = 0;
  }
}

const text = (body, at) => body.toString('utf8', at + 2, at + 2 + body.readUInt16BE(at));

function string(value) {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function variable(value) {
  const digits = [];
  do {
    digits.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(digits);
}

function encode(topic, payload, identifier, { retain = false, isRetained, contentType = null, count = 0, timeMs = 0, payloadBytes = payload.length }) {
  const properties = [];
  if (identifier > 0) properties.push(Buffer.from([0x0b]), variable(identifier));
  if (contentType) properties.push(Buffer.from([0x03]), string(contentType));
  if (count > 0) {
    properties.push(Buffer.from([0x26]), string('midge-count'), string(String(count)));
    properties.push(Buffer.from([0x26]), string('midge-time'), string(String(timeMs)));
    if (isRetained !== undefined) properties.push(Buffer.from([0x26]), string('midge-retained'), string(isRetained ? '1' : '0'));
  }
  if (payloadBytes > payload.length) properties.push(Buffer.from([0x26]), string('midge-payload-bytes'), string(String(payloadBytes)));
  const all = Buffer.concat(properties);
  const body = [string(topic), variable(all.length), all, payload];
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([retain ? 0x31 : 0x30]), variable(length), ...body]);
}

/** Splitting each topic for each filter would be most of the work of 5,000 messages a second. */
export function matches(filter, topic) {
  if (filter === '#') return topic[0] !== '$';
  if (filter === topic) return true;
  if (!filter.includes('+') && !filter.includes('#')) return false;
  if (topic[0] === '$' && filter[0] !== '$') return false;
  const [levels, names] = [filter.split('/'), topic.split('/')];
  for (const [index, level] of levels.entries()) {
    if (level === '#') return true;
    if (names[index] === undefined || (level !== '+' && level !== names[index])) return false;
  }
  return levels.length === names.length;
}
