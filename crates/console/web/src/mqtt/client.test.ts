import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MqttLink, type LinkState } from './client';
import type { Publish } from './codec';

/** The other end of the connection, as far as these stories need one. */
class FakeSocket {
  static OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 1;
  binaryType = '';
  sent: Uint8Array[] = [];
  onopen: () => void = () => {};
  onmessage: (event: { data: ArrayBuffer }) => void = () => {};
  onclose: () => void = () => {};

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeSocket.all.push(this);
  }

  send(bytes: Uint8Array) {
    this.sent.push(bytes);
  }

  close() {
    this.readyState = 3;
  }

  receives(...bytes: number[]) {
    this.onmessage({ data: new Uint8Array(bytes).buffer });
  }

  types() {
    return this.sent.map((bytes) => bytes[0]! >> 4);
  }
}

const [CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT] = [1, 8, 10, 12, 14];
const CONNACK = [0x20, 3, 0, 0, 0];
const last = () => FakeSocket.all.at(-1)!;

let states: LinkState[];
let received: Publish[];
let refused: [string, number][];

beforeEach(() => {
  vi.useFakeTimers();
  [FakeSocket.all, states, received, refused] = [[], [], [], []];
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('window', globalThis);
  vi.stubGlobal('document', { hidden: false });
  vi.stubGlobal('requestAnimationFrame', (callback: () => void) => setTimeout(callback, 16));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function start() {
  const link = new MqttLink('ws://x/mqtt', { username: 'ada', password: 'secret' }, {
    state: (state) => states.push(state),
    publish: (message) => received.push({ ...message, payload: message.payload.slice() }),
    refused: (filter, reasonCode) => refused.push([filter, reasonCode]),
  });
  link.subscribe({ filter: '#', identifier: 1, sampleMs: 500 });
  link.start();
  last().onopen();
  return link;
}

/** Frames come, and with them what was received is worked off. */
const frame = () => vi.advanceTimersByTime(20);

function connect() {
  const link = start();
  last().receives(...CONNACK);
  frame();
  return link;
}

test('what is wanted is subscribed to once the server has said yes', () => {
  start();
  expect(last().protocol).toBe('mqtt');
  expect(last().types()).toEqual([CONNECT]);
  last().receives(...CONNACK);
  frame();
  expect(last().types()).toEqual([CONNECT, SUBSCRIBE]);
  expect(states.map((state) => state.name)).toEqual(['connecting', 'connected']);
});

test('a connection that is lost is made again, later each time, and subscribes anew', () => {
  connect();
  const pauses = [];
  for (let round = 0; round < 8; round++) {
    const count = FakeSocket.all.length;
    last().onclose();
    let waited = 0;
    for (; FakeSocket.all.length === count; waited += 50) vi.advanceTimersByTime(50);
    pauses.push(waited);
  }
  expect(pauses[0]).toBeLessThanOrEqual(700);
  expect(Math.max(...pauses)).toBeGreaterThan(7000);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(12_600);
  last().onopen();
  last().receives(...CONNACK);
  frame();
  expect(last().types()).toEqual([CONNECT, SUBSCRIBE]);
});

test('who is refused does not ask again by himself', () => {
  start();
  last().receives(0x20, 3, 0, 0x86, 0);
  frame();
  vi.advanceTimersByTime(60_000);
  expect(FakeSocket.all).toHaveLength(1);
  expect(states.at(-1)).toEqual({ name: 'refused', reasonCode: 0x86, reasonString: null });
});

test('a server that is busy is asked again', () => {
  start();
  last().receives(0x20, 3, 0, 0x89, 0);
  frame();
  vi.advanceTimersByTime(2000);
  expect(FakeSocket.all).toHaveLength(2);
});

test('whole messages come by a Subscription beside the sampled one, which is made again behind it', () => {
  const link = connect();
  link.subscribe({ filter: 'a', identifier: 2, sampleMs: 100 });
  const asks = (bytes: Uint8Array) => new TextDecoder().decode(bytes).includes('midge-sample');
  const before = last().sent.length;
  link.beginWhole('a', 3);
  link.endWhole('a');
  expect(last().types().slice(before)).toEqual([SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE]);
  expect(last().sent.slice(before).map(asks)).toEqual([false, false, true]);
  link.unsubscribe('a');
  link.endWhole('a');
  expect(last().types().slice(before + 3)).toEqual([UNSUBSCRIBE, UNSUBSCRIBE]);
});

test('a Subscription that is refused is told', () => {
  connect();
  last().receives(0x90, 4, 0, 1, 0, 0x87);
  frame();
  expect(refused).toEqual([['#', 0x87]]);
});

test('another interval replaces the Subscription, and does not ask for Retained Messages again', () => {
  const link = connect();
  link.subscribe({ filter: '#', identifier: 1, sampleMs: 500 });
  expect(last().types()).toEqual([CONNECT, SUBSCRIBE]);
  link.subscribe({ filter: '#', identifier: 1, sampleMs: 5000 });
  expect(last().types()).toEqual([CONNECT, SUBSCRIBE, SUBSCRIBE]);
  expect(last().sent.at(-1)!.at(-1)! >> 4).toBe(2);
  link.unsubscribe('#');
  link.unsubscribe('#');
  expect(last().types()).toEqual([CONNECT, SUBSCRIBE, SUBSCRIBE, UNSUBSCRIBE]);
});

test('messages wait for a frame, and for none while nobody sees the page', () => {
  connect();
  const publish = [0x30, 5, 0, 1, 97, 0, 49];
  last().receives(...publish);
  expect(received).toHaveLength(0);
  frame();
  expect(received).toHaveLength(1);
  vi.stubGlobal('document', { hidden: true });
  last().receives(...publish, ...publish);
  expect(received).toHaveLength(3);
});

test('what is no MQTT ends the connection, not the page', () => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {});
  connect();
  last().receives(0x36, 5, 0, 1, 97, 0, 0);
  frame();
  expect(states.at(-1)!.name).toBe('lost');
  error.mockRestore();
});

test('the Keep Alive of the server counts', () => {
  start();
  last().receives(0x20, 6, 0, 0, 3, 0x13, 0, 4);
  frame();
  vi.advanceTimersByTime(2100);
  expect(last().types()).toContain(PINGREQ);
});

test('a server that falls silent is given up', () => {
  connect();
  vi.advanceTimersByTime(35_000);
  expect(last().types()).toContain(PINGREQ);
  expect(states.at(-1)!.name).toBe('connected');
  vi.advanceTimersByTime(60_000);
  expect(states.some((state) => state.name === 'lost')).toBe(true);
});

test('who goes says so', () => {
  const link = connect();
  link.stop();
  expect(last().types().at(-1)).toBe(DISCONNECT);
  vi.advanceTimersByTime(60_000);
  expect(FakeSocket.all).toHaveLength(1);
});

const message = { topic: 'a', payload: new Uint8Array([1]), qos: 1 as const, retain: false, userProperties: [] };

test('what came of a message is what the server says of it', async () => {
  const link = connect();
  expect(await link.publish({ ...message, qos: 0 })).toEqual({ name: 'sent' });
  const published = [link.publish(message), link.publish(message), link.publish(message)];
  last().receives(0x40, 2, 0, 2, 0x40, 3, 0, 4, 0x87, 0x40, 3, 0, 3, 0x10);
  frame();
  expect(await Promise.all(published)).toEqual([
    { name: 'taken', hasSubscriber: true },
    { name: 'taken', hasSubscriber: false },
    { name: 'refused', reasonCode: 0x87, reasonString: null },
  ]);
});

test('QoS 2 has ended when the server says so a second time', async () => {
  const link = connect();
  const published = link.publish({ ...message, qos: 2 });
  last().receives(0x50, 3, 0, 2, 0x10);
  frame();
  expect([...last().sent.at(-1)!]).toEqual([0x62, 2, 0, 2]);
  last().receives(0x70, 2, 0, 2);
  frame();
  expect(await published).toEqual({ name: 'taken', hasSubscriber: false });
  const refused = link.publish({ ...message, qos: 2 });
  last().receives(0x50, 3, 0, 3, 0x87);
  frame();
  expect(await refused).toMatchObject({ name: 'refused', reasonCode: 0x87 });
});

test('what is too large or has no connection is not sent, and one that is lost takes its messages along', async () => {
  const link = start();
  expect(await link.publish(message)).toEqual({ name: 'lost' });
  last().receives(0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 16);
  frame();
  const count = last().sent.length;
  expect(await link.publish({ ...message, payload: new Uint8Array(17) })).toEqual({ name: 'tooLarge' });
  expect(last().sent.length).toBe(count);
  const published = link.publish(message);
  last().onclose();
  expect(await published).toEqual({ name: 'lost' });
});
