import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PATIENCE_MS, REST_MS, WholePayloads, isCut, type Payload } from './whole';

const message = (first: number, there: number, all: number): Payload => ({
  payload: new Uint8Array(there).fill(first, 0, 1),
  payloadBytes: all,
});
const [CUT, WHOLE, OTHER] = [message(1, 10, 30), message(1, 30, 30), message(2, 10, 30)];

let said: string[];
let payloads: WholePayloads<Payload>;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  payloads = new WholePayloads({
    begin: () => said.push('begin'),
    end: () => said.push('end'),
    tell: (_, one) => said.push(`${isCut(one) ? 'cut' : 'whole'} ${one.payload[0]}`),
  });
});
afterEach(() => void vi.useRealTimers());

/** What was said since the last time. */
const news = () => said.splice(0);

test('nothing is asked for as long as samples are whole', () => {
  payloads.sampled('a', message(1, 10, 10));
  expect(news()).toEqual(['whole 1']);
});

test('after a cut sample one whole message is waited for, and its own sample is not told again', () => {
  payloads.sampled('a', CUT);
  expect(news()).toEqual(['begin', 'cut 1']);
  payloads.whole('a', WHOLE);
  expect(news()).toEqual(['end', 'whole 1']);
  vi.advanceTimersByTime(100);
  payloads.sampled('a', CUT);
  vi.advanceTimersByTime(REST_MS - 101);
  expect(news()).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(news()).toEqual(['begin']);
  vi.advanceTimersByTime(10 * PATIENCE_MS);
  expect(news()).toEqual([]);
});

test('a whole message comes at most once in its time, however many are published', () => {
  payloads.sampled('a', CUT);
  let asked = true;
  news();
  for (let ms = 0; ms < 10_000; ms += 100) {
    vi.advanceTimersByTime(100);
    payloads.sampled('a', OTHER);
    if (said.includes('begin')) asked = true;
    if (asked) payloads.whole('a', WHOLE);
    asked = false;
    expect(news().filter((one) => one.startsWith('cut'))).toEqual([]);
    payloads.whole('a', WHOLE);
    expect(news()).toEqual([]);
  }
});

test('what came cut is told when nothing better comes', () => {
  payloads.sampled('a', CUT);
  payloads.whole('a', WHOLE);
  payloads.sampled('a', OTHER);
  news();
  vi.advanceTimersByTime(PATIENCE_MS);
  expect(news()).toEqual(['begin', 'cut 2']);
});

test('a payload that is short again ends it', () => {
  payloads.sampled('a', CUT);
  news();
  payloads.sampled('a', message(3, 5, 5));
  expect(news()).toEqual(['end', 'whole 3']);
  vi.advanceTimersByTime(10 * REST_MS);
  expect(news()).toEqual([]);
});

test('who looks elsewhere asks for nothing', () => {
  payloads.sampled('a', CUT);
  payloads.whole('a', WHOLE);
  payloads.sampled('a', OTHER);
  payloads.clear();
  news();
  payloads.whole('a', WHOLE);
  vi.advanceTimersByTime(10 * PATIENCE_MS);
  expect(news()).toEqual([]);
});
