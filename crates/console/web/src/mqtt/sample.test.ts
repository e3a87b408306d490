import { expect, test } from 'vitest';
import type { Publish } from './codec';
import { readSample } from './sample';

function publish(retain: boolean, payload: string, userProperties: [string, string][] = []): Publish {
  const others = { topic: 'a', dup: false, qos: 0, packetIdentifier: null, contentType: null, responseTopic: null };
  const bytes = new TextEncoder().encode(payload);
  return { ...others, type: 'publish', retain, payload: bytes, messageExpiryIntervalS: null, subscriptionIdentifiers: [], userProperties } as Publish;
}

const sampled = (...more: [string, string][]): [string, string][] => [['midge-count', '3'], ['midge-time', '5'], ...more];
const mark = (...from: Parameters<typeof publish>) => readSample(publish(...from), false).isRetained;

test('a sample says for how many messages it stands, and what the publisher has added stays apart', () => {
  const sample = readSample(publish(false, 'x', sampled(['midge-payload-bytes', '70000'], ['unit', 'C'])), false);
  expect(sample).toEqual({ count: 3, timeMs: 5, payloadBytes: 70_000, isRetained: null, userProperties: [['unit', 'C']] });
});

test('the mark of a topic follows what a sample says, be its newest message retained or not', () => {
  expect(mark(false, 'x', sampled(['midge-retained', '1']))).toBe(true);
  expect(mark(true, 'x', sampled(['midge-retained', '1']))).toBe(true);
  expect(mark(false, 'x', sampled(['midge-retained', '0']))).toBe(false);
  expect(mark(false, 'x', sampled())).toBe(null);
});

test('a replay, and each message of a server that does not sample, says it by RETAIN', () => {
  expect(mark(true, 'x')).toBe(true);
  expect(mark(true, '')).toBe(false);
  expect(mark(false, 'x')).toBe(null);
  expect(readSample(publish(true, 'x'), false).count).toBe(0);
  expect(readSample(publish(true, 'x'), true).count).toBe(1);
  expect(readSample(publish(false, 'x'), false).count).toBe(1);
});
