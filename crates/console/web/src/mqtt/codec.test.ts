import { describe, expect, test } from 'vitest';
import { encodeConnect, encodePublish, encodePubrel, encodeSubscribe, encodeUnsubscribe, MalformedPacket, PacketStream, type Packet } from './codec';

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
const bytes = (text: string) => new Uint8Array(text.split(/\s+/).filter(Boolean).map((digits) => parseInt(digits, 16)));

function decode(...chunks: Uint8Array[]): Packet[] {
  const packets: Packet[] = [];
  const stream = new PacketStream(1 << 20);
  for (const chunk of chunks) stream.push(chunk, (packet) => packets.push(packet));
  return packets;
}

describe('what we send', () => {
  test('CONNECT with a name and a password', () => {
    const connect = { clientId: 'a', keepAliveSeconds: 30, username: 'u', password: 'p', maximumPacketBytes: 256 };
    expect(hex(encodeConnect(connect))).toBe(
      '10 19 00 04 4d 51 54 54 05 c2 00 1e 05 27 00 00 01 00 00 01 61 00 01 75 00 01 70',
    );
  });

  test('CONNECT of nobody in particular has neither', () => {
    const connect = { clientId: '', keepAliveSeconds: 0, maximumPacketBytes: 256 };
    expect(hex(encodeConnect(connect))).toBe('10 12 00 04 4d 51 54 54 05 02 00 00 05 27 00 00 01 00 00 00');
  });

  test('SUBSCRIBE asks for samples in a User Property', () => {
    const packet = encodeSubscribe(7, { filter: '#', identifier: 1, retainHandling: 0, sampleMs: 500 });
    expect(hex(packet)).toBe(
      '82 1d 00 07 16 0b 01 26 00 0c 6d 69 64 67 65 2d 73 61 6d 70 6c 65 00 03 35 30 30 00 01 23 08',
    );
  });

  test('SUBSCRIBE that replaces one does not ask for Retained Messages again', () => {
    const packet = encodeSubscribe(7, { filter: '#', identifier: 300, retainHandling: 2, sampleMs: 0 });
    expect(hex(packet)).toBe('82 0a 00 07 03 0b ac 02 00 01 23 28');
  });

  test('PUBLISH', () => {
    const message = { topic: 'a', payload: bytes('78'), qos: 0 as const, retain: false, userProperties: [] };
    expect(hex(encodePublish(7, message))).toBe('30 05 00 01 61 00 78');
    const all = {
      ...message,
      qos: 2 as const,
      retain: true,
      contentType: 't',
      responseTopic: 'r',
      correlationData: bytes('00 ff'),
      messageExpiryIntervalS: 258,
      userProperties: [['k', 'v']] as [string, string][],
    };
    expect(hex(encodePublish(7, all))).toBe(
      '35 20 00 01 61 00 07 19 02 00 00 01 02 03 00 01 74 08 00 01 72 09 00 02 00 ff 26 00 01 6b 00 01 76 78',
    );
    expect(hex(encodePubrel(7))).toBe('62 02 00 07');
  });

  test('UNSUBSCRIBE', () => {
    expect(hex(encodeUnsubscribe(1, 'a/b'))).toBe('a2 08 00 01 00 00 03 61 2f 62');
  });

  test('a name that does not fit is refused', () => {
    const connect = { clientId: 'x'.repeat(70_000), keepAliveSeconds: 0, maximumPacketBytes: 256 };
    expect(() => encodeConnect(connect)).toThrow(RangeError);
  });
});

describe('what we receive', () => {
  const publish = bytes('31 14 00 03 61 2f 62 0c 0b 01 0b 02 26 00 01 6b 00 02 76 76 32 31');

  test('PUBLISH with properties', () => {
    const [packet] = decode(publish);
    expect(packet).toMatchObject({ type: 'publish', topic: 'a/b', retain: true, qos: 0, subscriptionIdentifiers: [1, 2] });
    expect(packet).toMatchObject({ userProperties: [['k', 'vv']], payload: bytes('32 31') });
  });

  test('acknowledgements, of which most may be left out', () => {
    expect(decode(bytes('40 02 00 07 50 03 00 07 10'))).toEqual([
      { type: 'puback', packetIdentifier: 7, reasonCode: 0, reasonString: null },
      { type: 'pubrec', packetIdentifier: 7, reasonCode: 0x10, reasonString: null },
    ]);
    expect(decode(bytes('70 08 00 07 87 04 1f 00 01 6e'))).toEqual([
      { type: 'pubcomp', packetIdentifier: 7, reasonCode: 0x87, reasonString: 'n' },
    ]);
  });

  test('a packet in pieces, and two in one piece', () => {
    const pieces = [...publish].map((byte) => new Uint8Array([byte]));
    expect(decode(...pieces)).toHaveLength(1);
    const twice = new Uint8Array([...publish, ...publish, 0xd0, 0]);
    expect(decode(twice).map((packet) => packet.type)).toEqual(['publish', 'publish', 'pingresp']);
  });

  test('CONNACK, SUBACK and DISCONNECT', () => {
    expect(decode(bytes('20 06 00 87 03 13 00 0a'))).toEqual([
      { type: 'connack', reasonCode: 0x87, reasonString: null, serverKeepAliveS: 10, maximumPacketBytes: null },
    ]);
    expect(decode(bytes('90 04 00 07 00 87'))).toEqual([{ type: 'suback', packetIdentifier: 7, reasonCodes: [0x87] }]);
    expect(decode(bytes('e0 02 8b 00'))).toEqual([{ type: 'disconnect', reasonCode: 0x8b, reasonString: null }]);
    expect(decode(bytes('e0 00'))).toEqual([{ type: 'disconnect', reasonCode: 0, reasonString: null }]);
  });

  test('topics that are not ASCII', () => {
    const name = new TextEncoder().encode('温室/温度');
    const packet = new Uint8Array([0x30, name.length + 3, 0, name.length, ...name, 0]);
    expect(decode(packet)[0]).toMatchObject({ topic: '温室/温度' });
  });

  const malformed: [string, string][] = [
    ['properties longer than the packet', '30 05 00 01 61 7f 00'],
    ['a topic longer than the packet', '30 03 00 09 61'],
    ['an unknown property', '30 05 00 01 61 01 7e'],
    ['a Remaining Length of five bytes', '30 ff ff ff ff 01'],
    ['QoS 3', '36 05 00 01 61 00 00'],
    ['a packet that is too large', '30 ff ff ff 7f'],
  ];
  test.each(malformed)('%s is malformed', (_, packet) => {
    expect(() => decode(bytes(packet))).toThrow(MalformedPacket);
  });
});
