/** Numbers with their times, oldest first, and what is made of them for a picture and for a table. */

/** A day at one a second has 86,400; older ones go. */
const MOST_SAMPLES = 50_000;

export class Samples {
  times: number[] = [];
  values: number[] = [];

  push(timeMs: number, value: number) {
    const last = this.times.at(-1);
    // Clocks of samples come from one server, but history and live messages may overlap.
    if (last !== undefined && timeMs < last) return;
    if (timeMs === last) {
      this.values[this.values.length - 1] = value;
      return;
    }
    this.times.push(timeMs);
    this.values.push(value);
    if (this.times.length > MOST_SAMPLES * 1.1) this.keepLast(MOST_SAMPLES);
  }

  private keepLast(count: number) {
    this.times = this.times.slice(-count);
    this.values = this.values.slice(-count);
  }

  /** Puts older ones before those that there are. */
  prepend(points: [number, number][]) {
    const first = this.times[0] ?? Infinity;
    const before = points.filter(([time]) => time < first).sort((one, other) => one[0] - other[0]);
    this.times = [...before.map(([time]) => time), ...this.times];
    this.values = [...before.map(([, value]) => value), ...this.values];
  }

  /** The index of the first at or after a time. */
  indexAt(timeMs: number): number {
    let [low, high] = [0, this.times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  summary(fromMs: number, toMs: number): Summary | null {
    const [from, to] = [this.indexAt(fromMs), this.indexAt(toMs + 1)];
    if (from >= to) return null;
    let [least, most, sum] = [Infinity, -Infinity, 0];
    for (let i = from; i < to; i++) {
      const value = this.values[i]!;
      least = Math.min(least, value);
      most = Math.max(most, value);
      sum += value;
    }
    return { last: this.values[to - 1]!, least, most, mean: sum / (to - from), count: to - from };
  }
}

/** When the first number is from; null where there is none. */
export function begunMs(series: Samples[]): number | null {
  const first = series.flatMap((one) => one.times[0] ?? []);
  return first.length === 0 ? null : Math.min(...first);
}

/** When the last number is from; null where there is none. */
export function lastMs(series: Samples[]): number | null {
  const last = series.flatMap((one) => one.times.at(-1) ?? []);
  return last.length === 0 ? null : Math.max(...last);
}

/** Whether any number is from this part of time. */
export const hasValues = (series: Samples[], [fromMs, toMs]: [number, number]) =>
  series.some((one) => one.indexAt(fromMs) < one.indexAt(toMs + 1));

export interface Summary {
  last: number;
  least: number;
  most: number;
  mean: number;
  count: number;
}

/**
 * What a picture so many columns wide needs of a time window: the least and the most of each column, in the order in which
 * they were, and one sample beyond each edge so that lines go on to it. Peaks stay.
 */
export function thinned(samples: Samples, fromMs: number, toMs: number, columns: number): { times: number[]; values: number[] } {
  const from = Math.max(0, samples.indexAt(fromMs) - 1);
  const to = Math.min(samples.times.length, samples.indexAt(toMs) + 1);
  if (to - from <= columns * 2) return { times: samples.times.slice(from, to), values: samples.values.slice(from, to) };
  const times: number[] = [];
  const values: number[] = [];
  const take = (index: number) => {
    times.push(samples.times[index]!);
    values.push(samples.values[index]!);
  };
  const width = (toMs - fromMs) / columns;
  for (let i = from; i < to; ) {
    const column = Math.floor((samples.times[i]! - fromMs) / width);
    let [least, most, next] = [i, i, i];
    for (; next < to && Math.floor((samples.times[next]! - fromMs) / width) === column; next++) {
      if (samples.values[next]! < samples.values[least]!) least = next;
      if (samples.values[next]! > samples.values[most]!) most = next;
    }
    take(Math.min(least, most));
    if (least !== most) take(Math.max(least, most));
    i = next;
  }
  return { times, values };
}

/** Several series over one list of times, as uPlot wants them: `undefined` where a series has nothing at that time. */
export function joined(series: { times: number[]; values: number[] }[]): [number[], ...(number | undefined)[][]] {
  const times = [...new Set(series.flatMap((one) => one.times))].sort((a, b) => a - b);
  const columns = series.map((one) => {
    const column = new Array<number | undefined>(times.length).fill(undefined);
    let at = 0;
    for (const [index, time] of times.entries()) {
      if (one.times[at] !== time) continue;
      column[index] = one.values[at];
      at++;
    }
    return column;
  });
  return [times, ...columns];
}

/** A table for other programs (RFC 4180): a row for each time, a column for each series. */
export function toCsv(names: string[], series: { times: number[]; values: number[] }[]): string {
  const [times, ...columns] = joined(series);
  const rows = [['time', ...names].map(csvField).join(',')];
  for (const [index, time] of times.entries()) {
    rows.push([new Date(time).toISOString(), ...columns.map((column) => column[index] ?? '')].join(','));
  }
  return rows.join('\r\n') + '\r\n';
}

/** Quoted where needed. A name that a spreadsheet would take for a formula gets an apostrophe: topics are strangers' words. */
function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
