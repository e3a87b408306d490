import { expect, test } from 'vitest';
import { MessageHistory, MOST_MESSAGES, type Message } from './history';

const message = (timeMs: number, text = 'x', count = 1): Message => ({
  timeMs,
  payload: new TextEncoder().encode(text),
  payloadBytes: text.length,
  count,
  retain: count === 0,
  qos: 0,
  contentType: null,
  responseTopic: null,
  messageExpiryIntervalS: null,
  userProperties: [],
});
const times = (history: MessageHistory) => history.messages.map((entry) => entry.timeMs);

test('the oldest go when there are too many', () => {
  const history = new MessageHistory();
  for (let i = 0; i < MOST_MESSAGES + 10; i++) history.push(message(i));
  expect(history.messages).toHaveLength(MOST_MESSAGES);
  expect(times(history)[0]).toBe(10);
  expect(history.dropped).toBe(10);
});

test('the oldest go when they are too large, but never the last', () => {
  const history = new MessageHistory();
  for (let i = 0; i < 5; i++) history.push(message(i, 'x'.repeat(20 << 20)));
  expect(times(history)).toEqual([4]);
});

test('what the server remembers comes before, and nothing twice', () => {
  const history = new MessageHistory();
  history.push(message(0, 'retained', 0));
  history.push(message(30));
  history.push(message(40));
  history.prepend([message(10), message(20), message(30)]);
  expect(times(history)).toEqual([10, 20, 30, 40]);
});

test('what was known already is not there twice', () => {
  const history = new MessageHistory();
  history.push(message(5, 'x'));
  history.push(message(9, 'x', 0));
  history.push(message(9, 'y', 0));
  expect(times(history)).toEqual([5, 9]);
});

test('without anything remembered the Retained Message stays', () => {
  const history = new MessageHistory();
  history.push(message(5, 'retained', 0));
  history.prepend([]);
  expect(times(history)).toEqual([5]);
});
