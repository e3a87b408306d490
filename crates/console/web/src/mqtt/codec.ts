/**
 * The part of MQTT 5 that the page speaks, as bytes: all but AUTH, and acknowledgements only of what it publishes, as it subscribes
 * with QoS 0. Numbers of chapters are those of the OASIS specification.
 */

export class MalformedPacket extends Error {}

export interface Connect {
  clientId: string;
  keepAliveSeconds: number;
  username?: string | undefined;
  password?: string | undefined;
  /** The largest packet that we are willing to take. */
  maximumPacketBytes: number;
}

export interface SubscribeOptions {
  filter: string;
  identifier: number;
  /** 0: send Retained Messages, 2: do not. */
  retainHandling: 0 | 2;
  /** The newest message for each topic and interval is enough; a server that does not know this sends all. */
  sampleMs: number;
}

/** What is to be published. */
export interface Outgoing {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  contentType?: string | undefined;
  responseTopic?: string | undefined;
  correlationData?: Uint8Array | undefined;
  messageExpiryIntervalS?: number | undefined;
  userProperties: [string, string][];
}

export interface Publish {
  type: 'publish';
  topic: string;
  /** Points into the received bytes: copy it to keep it. */
  payload: Uint8Array;
  qos: number;
  retain: boolean;
  contentType: string | null;
  responseTopic: string | null;
  messageExpiryIntervalS: number | null;
  subscriptionIdentifiers: number[];
  userProperties: [string, string][];
}

export interface Connack {
  type: 'connack';
  reasonCode: number;
  reasonString: string | null;
  /** Null: as asked for in CONNECT. */
  serverKeepAliveS: number | null;
  /** Null: no bound. */
  maximumPacketBytes: number | null;
}

export interface Acknowledgement {
  type: 'puback' | 'pubrec' | 'pubcomp';
  packetIdentifier: number;
  reasonCode: number;
  reasonString: string | null;
}

export type Packet =
  | Connack
  | Publish
  | Acknowledgement
  | { type: 'suback' | 'unsuback'; packetIdentifier: number; reasonCodes: number[] }
  | { type: 'pingresp' }
  | { type: 'disconnect'; reasonCode: number; reasonString: string | null }
  | { type: 'other'; packetType: number };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');
const NONE: never[] = [];

// ------------------------------------------------------------------------------------------------ encoding

/** Bytes that grow. */
class Writer {
  private bytes = new Uint8Array(256);
  private length = 0;

  private room(count: number) {
    if (this.length + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  u8(value: number) {
    this.room(1);
    this.bytes[this.length++] = value;
    return this;
  }

  u16(value: number) {
    return this.u8(value >> 8).u8(value & 0xff);
  }

  u32(value: number) {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  /** Variable Byte Integer, 1.5.5. */
  variable(value: number) {
    let rest = value;
    do {
      const digit = rest & 0x7f;
      rest >>>= 7;
      this.u8(rest > 0 ? digit | 0x80 : digit);
    } while (rest > 0);
    return this;
  }

  raw(bytes: Uint8Array) {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Bytes with their length before them, as strings and Binary Data are, 1.5.4 and 1.5.6. */
  text(value: string) {
    return this.binary(encoder.encode(value));
  }

  binary(bytes: Uint8Array) {
    if (bytes.length > 0xffff) throw new RangeError(`a string of ${bytes.length} bytes does not fit into MQTT`);
    return this.u16(bytes.length).raw(bytes);
  }

  /** Property Length and properties, 2.2.2. */
  properties(properties: Writer) {
    return this.variable(properties.length).raw(properties.done());
  }

  done() {
    return this.bytes.subarray(0, this.length);
  }
}

function packet(firstByte: number, body: Writer): Uint8Array {
  const bytes = body.done();
  return new Writer().u8(firstByte).variable(bytes.length).raw(bytes).done();
}

export function encodeConnect(connect: Connect): Uint8Array {
  const cleanStart = 0x02;
  const flags =
    cleanStart | (connect.username === undefined ? 0 : 0x80) | (connect.password === undefined ? 0 : 0x40);
  const properties = new Writer().u8(0x27).u32(connect.maximumPacketBytes);
  const body = new Writer().text('MQTT').u8(5).u8(flags).u16(connect.keepAliveSeconds).properties(properties);
  body.text(connect.clientId);
  if (connect.username !== undefined) body.text(connect.username);
  if (connect.password !== undefined) body.text(connect.password);
  return packet(0x10, body);
}

export function encodePublish(packetIdentifier: number, message: Outgoing): Uint8Array {
  const properties = new Writer();
  if (message.messageExpiryIntervalS !== undefined) properties.u8(0x02).u32(message.messageExpiryIntervalS);
  if (message.contentType) properties.u8(0x03).text(message.contentType);
  if (message.responseTopic) properties.u8(0x08).text(message.responseTopic);
  if (message.correlationData) properties.u8(0x09).binary(message.correlationData);
  for (const [name, value] of message.userProperties) properties.u8(0x26).text(name).text(value);
  const body = new Writer().text(message.topic);
  if (message.qos > 0) body.u16(packetIdentifier);
  return packet(0x30 | (message.qos << 1) | (message.retain ? 1 : 0), body.properties(properties).raw(message.payload));
}

export function encodePubrel(packetIdentifier: number): Uint8Array {
  return packet(0x62, new Writer().u16(packetIdentifier));
}

export function encodeSubscribe(packetIdentifier: number, options: SubscribeOptions): Uint8Array {
  const properties = new Writer().u8(0x0b).variable(options.identifier);
  if (options.sampleMs > 0) properties.u8(0x26).text('midge-sample').text(String(options.sampleMs));
  const retainAsPublished = 0x08;
  const body = new Writer().u16(packetIdentifier).properties(properties).text(options.filter);
  return packet(0x82, body.u8(retainAsPublished | (options.retainHandling << 4)));
}

export function encodeUnsubscribe(packetIdentifier: number, filter: string): Uint8Array {
  return packet(0xa2, new Writer().u16(packetIdentifier).variable(0).text(filter));
}

export const encodePingreq = () => new Uint8Array([0xc0, 0x00]);
export const encodeDisconnect = () => new Uint8Array([0xe0, 0x00]);

// ------------------------------------------------------------------------------------------------ decoding

/** Reads from a part of bytes and never beyond it. */
class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    readonly end: number,
  ) {}

  private take(count: number): number {
    const from = this.at;
    if (from + count > this.end) throw new MalformedPacket('a packet ends before its last field');
    this.at = from + count;
    return from;
  }

  u8() {
    return this.bytes[this.take(1)]!;
  }

  u16() {
    const from = this.take(2);
    return (this.bytes[from]! << 8) | this.bytes[from + 1]!;
  }

  u32() {
    return this.u16() * 0x10000 + this.u16();
  }

  variable() {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedPacket('a Variable Byte Integer has more than four bytes');
  }

  binary() {
    const length = this.u16();
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }

  text() {
    const length = this.u16();
    const from = this.take(length);
    return shortText(this.bytes, from, from + length);
  }

  rest() {
    const from = this.at;
    this.at = this.end;
    return this.bytes.subarray(from, this.end);
  }
}

/** Most topics are short and ASCII, for which building the string by hand is several times as fast as TextDecoder. */
function shortText(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > 96) return decoder.decode(bytes.subarray(from, to));
  let text = '';
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80) return decoder.decode(bytes.subarray(from, to));
    text += String.fromCharCode(byte);
  }
  return text;
}

interface Properties {
  reasonString: string | null;
  serverKeepAliveS: number | null;
  maximumPacketBytes: number | null;
  contentType: string | null;
  responseTopic: string | null;
  messageExpiryIntervalS: number | null;
  subscriptionIdentifiers: number[];
  userProperties: [string, string][];
}

/** 2.2.2.2: each property by its identifier; the unknown ones make the packet malformed. */
function readProperties(reader: Reader): Properties {
  const found: Properties = {
    reasonString: null,
    serverKeepAliveS: null,
    maximumPacketBytes: null,
    contentType: null,
    responseTopic: null,
    messageExpiryIntervalS: null,
    subscriptionIdentifiers: NONE,
    userProperties: NONE,
  };
  const length = reader.variable();
  const end = reader.at + length;
  if (end > reader.end) throw new MalformedPacket('properties are longer than their packet');
  while (reader.at < end) {
    const identifier = reader.u8();
    switch (identifier) {
      case 0x02:
        found.messageExpiryIntervalS = reader.u32();
        break;
      case 0x03:
        found.contentType = reader.text();
        break;
      case 0x08:
        found.responseTopic = reader.text();
        break;
      case 0x0b: {
        const subscription = reader.variable();
        if (found.subscriptionIdentifiers.length === 0) found.subscriptionIdentifiers = [subscription];
        else found.subscriptionIdentifiers.push(subscription);
        break;
      }
      case 0x13:
        found.serverKeepAliveS = reader.u16();
        break;
      case 0x27:
        found.maximumPacketBytes = reader.u32();
        break;
      case 0x1f:
        found.reasonString = reader.text();
        break;
      case 0x26: {
        const pair: [string, string] = [reader.text(), reader.text()];
        if (found.userProperties.length === 0) found.userProperties = [pair];
        else found.userProperties.push(pair);
        break;
      }
      default:
        skipProperty(reader, identifier);
    }
  }
  if (reader.at !== end) throw new MalformedPacket('properties do not end where they say');
  return found;
}

function skipProperty(reader: Reader, identifier: number) {
  switch (identifier) {
    case 0x01: // Payload Format Indicator
    case 0x24: // Maximum QoS
    case 0x25: // Retain Available
    case 0x28: // Wildcard Subscription Available
    case 0x29: // Subscription Identifiers Available
    case 0x2a: // Shared Subscription Available
      reader.u8();
      return;
    case 0x21: // Receive Maximum
    case 0x22: // Topic Alias Maximum
    case 0x23: // Topic Alias
      reader.u16();
      return;
    case 0x11: // Session Expiry Interval
      reader.u32();
      return;
    case 0x09: // Correlation Data
    case 0x12: // Assigned Client Identifier
    case 0x15: // Authentication Method
    case 0x16: // Authentication Data
    case 0x1a: // Response Information
    case 0x1c: // Server Reference
      reader.binary();
      return;
    default:
      throw new MalformedPacket(`there is no property 0x${identifier.toString(16).padStart(2, '0')}`);
  }
}

function readPublish(reader: Reader, flags: number): Publish {
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw new MalformedPacket('there is no QoS 3');
  const topic = reader.text();
  if (qos > 0) reader.u16();
  const properties = readProperties(reader);
  return {
    type: 'publish',
    topic,
    payload: reader.rest(),
    qos,
    retain: (flags & 1) === 1,
    contentType: properties.contentType,
    responseTopic: properties.responseTopic,
    messageExpiryIntervalS: properties.messageExpiryIntervalS,
    subscriptionIdentifiers: properties.subscriptionIdentifiers,
    userProperties: properties.userProperties,
  };
}

/** 3.4, 3.5 and 3.7: a Reason Code of 0 may be left out, and so may properties. */
function readAcknowledgement(type: Acknowledgement['type'], reader: Reader): Acknowledgement {
  const packetIdentifier = reader.u16();
  const reasonCode = reader.at < reader.end ? reader.u8() : 0;
  const reasonString = reader.at < reader.end ? readProperties(reader).reasonString : null;
  return { type, packetIdentifier, reasonCode, reasonString };
}

function readPacket(firstByte: number, reader: Reader): Packet {
  switch (firstByte >> 4) {
    case 2: {
      reader.u8();
      const reasonCode = reader.u8();
      const { reasonString, serverKeepAliveS, maximumPacketBytes } = readProperties(reader);
      return { type: 'connack', reasonCode, reasonString, serverKeepAliveS, maximumPacketBytes };
    }
    case 3:
      return readPublish(reader, firstByte & 0x0f);
    case 4:
      return readAcknowledgement('puback', reader);
    case 5:
      return readAcknowledgement('pubrec', reader);
    case 7:
      return readAcknowledgement('pubcomp', reader);
    case 9:
    case 11: {
      const packetIdentifier = reader.u16();
      readProperties(reader);
      return { type: firstByte >> 4 === 9 ? 'suback' : 'unsuback', packetIdentifier, reasonCodes: [...reader.rest()] };
    }
    case 13:
      return { type: 'pingresp' };
    case 14: {
      const reasonCode = reader.at < reader.end ? reader.u8() : 0;
      const reasonString = reader.at < reader.end ? readProperties(reader).reasonString : null;
      return { type: 'disconnect', reasonCode, reasonString };
    }
    default:
      return { type: 'other', packetType: firstByte >> 4 };
  }
}

/** Packets out of WebSocket messages, whose borders need not be those of packets. */
export class PacketStream {
  private rest = new Uint8Array(0);

  constructor(private readonly maximumPacketBytes: number) {}

  /** What has become whole with these bytes. */
  push(bytes: Uint8Array, into: (packet: Packet) => void) {
    let all = bytes;
    if (this.rest.length > 0) {
      all = new Uint8Array(this.rest.length + bytes.length);
      all.set(this.rest);
      all.set(bytes, this.rest.length);
    }
    let at = 0;
    for (;;) {
      const body = this.bodyAt(all, at);
      if (body === null || body.end > all.length) break;
      into(readPacket(all[at]!, new Reader(all, body.start, body.end)));
      at = body.end;
    }
    this.rest = all.slice(at);
  }

  /** Where the body of the packet begins and ends, as soon as its fixed header is whole, 2.1. */
  private bodyAt(bytes: Uint8Array, at: number): { start: number; end: number } | null {
    let length = 0;
    for (let digit = 0; digit < 4; digit++) {
      const index = at + 1 + digit;
      if (index >= bytes.length) return null;
      length += (bytes[index]! & 0x7f) << (7 * digit);
      if (bytes[index]! < 0x80) {
        if (length > this.maximumPacketBytes) throw new MalformedPacket(`a packet of ${length} bytes is too large`);
        return { start: index + 1, end: index + 1 + length };
      }
    }
    throw new MalformedPacket('a Remaining Length has more than four bytes');
  }
}
