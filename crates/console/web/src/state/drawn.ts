/** The numbers of the series that are drawn: what the server remembers, and what comes. */

import { effect, signal } from '@preact/signals';
import { ApiError, get } from '../api/client';
import type { FieldHistoryAnswer, HistoryAnswer } from '../api/types';
import { Samples } from '../charts/samples';
import { isCut } from '../mqtt/whole';
import { nodeAt, numberOf, tryJson } from '../payload/json';
import { fromBase64, payloadNumber, textOf } from '../payload/text';
import { listen } from './live';
import { chart } from './route';
import { login, session } from './session';
import { joinSeries, REMEMBERED_S } from './url';

export interface Drawn {
  samples: Samples;
  /** How far back the server was asked. */
  sinceMs: number;
  isLoading: boolean;
  stop: () => void;
}

const drawn = new Map<string, Drawn>();
/** Counts what came, for those who draw. */
export const drawnVersion = signal(0);

export const drawnOf = (series: { topic: string; path: string }): Drawn | undefined => drawn.get(joinSeries(series));

/** The number of a payload, or of the value at a path in its JSON. */
export function numberIn(payload: Uint8Array, path: string): number | null {
  if (path === '') return payloadNumber(payload);
  const text = textOf(payload);
  const document = text === null ? null : tryJson(text);
  const index = document === null ? -1 : nodeAt(document, path);
  return index < 0 ? null : numberOf(document!, document!.nodes[index]!);
}

/** Follows the address: what is drawn there is gathered here. */
export function startDrawn() {
  effect(() => {
    const { series, windowS, range } = chart.value;
    const isIn = login.value.name === 'in';
    // All that the server remembers, so that a window without numbers can say where the last one is.
    const windowMs = Math.max(windowS ?? 0, REMEMBERED_S) * 1000;
    const sinceMs = Math.min(Date.now() - windowMs, range ? range[0] - (range[1] - range[0]) : Infinity);
    const wanted = new Map(series.map((one) => [joinSeries(one), one]));
    for (const [key, one] of drawn) {
      if (wanted.has(key)) continue;
      one.stop();
      drawn.delete(key);
    }
    for (const [key, one] of wanted) {
      if (!drawn.has(key)) drawn.set(key, begin(one));
      if (isIn) void loadHistory(one, drawn.get(key)!, sinceMs);
    }
    drawnVersion.value = drawnVersion.peek() + 1;
  });
}

function begin(series: { topic: string; path: string }): Drawn {
  const samples = new Samples();
  const stop = listen(series.topic, (message) => {
    // When the Retained Message came that a Subscription begins with is not known: it only stands in for a missing history.
    if (message.count === 0 && (samples.times.length > 0 || session.peek()?.history === true)) return;
    // Half a number is another number.
    const value = isCut(message) ? null : numberIn(message.payload, series.path);
    if (value === null) return;
    samples.push(message.timeMs, value);
    drawnVersion.value++;
  });
  return { samples, stop, sinceMs: Infinity, isLoading: false };
}

async function loadHistory(series: { topic: string; path: string }, one: Drawn, sinceMs: number) {
  if (session.peek()?.history !== true || sinceMs >= one.sinceMs) return;
  const before = one.sinceMs;
  one.sinceMs = sinceMs;
  one.isLoading = true;
  try {
    one.samples.prepend(await history(series, Math.floor(sinceMs)));
  } catch (error) {
    // Without history the chart begins now; the next time it may be there.
    if (!(error instanceof ApiError)) throw error;
    one.sinceMs = before;
  } finally {
    one.isLoading = false;
    drawnVersion.value++;
  }
}

/** Paths that the server reads as we do; names with dots and brackets in them are looked for here. */
const isPlainPath = (path: string) => /^[^\\[\]$]+$/.test(path) && path.split('.').every((part) => part !== '');

async function history(series: { topic: string; path: string }, sinceMs: number): Promise<[number, number][]> {
  if (series.path !== '' && isPlainPath(series.path)) {
    const parameters = { topic: series.topic, since_ms: sinceMs, field: series.path };
    const points = (await get<FieldHistoryAnswer>('history', parameters)).points;
    return points.filter(([time, value]) => Number.isFinite(time) && Number.isFinite(value));
  }
  const answer = await get<HistoryAnswer>('history', { topic: series.topic, since_ms: sinceMs });
  return answer.points.flatMap((point): [number, number][] => {
    const value = point.truncated ? null : numberIn(fromBase64(point.payload_base64), series.path);
    return value === null ? [] : [[point.time_ms, value]];
  });
}
