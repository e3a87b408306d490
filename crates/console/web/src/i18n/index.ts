/** The page's texts in the language of the user, and numbers and times as that language writes them. */

import { signal } from '@preact/signals';
import { en } from './en';

export type Key = keyof typeof en;
export type Table = Record<Key, string>;
export const LANGUAGES = { en: 'English', ja: '日本語', ko: '한국어' } as const;
export type Language = keyof typeof LANGUAGES;

export const language = signal<Language>('en');
const table = signal<Table>(en);
/** What the server says, by its English. */
const saidTable = signal<Record<string, string>>({});

const LOADERS: Record<Language, () => Promise<[Table, Record<string, string>]>> = {
  en: () => Promise.resolve([en, {}]),
  ja: () => import('./ja').then((module) => [module.ja, module.said]),
  ko: () => import('./ko').then((module) => [module.ko, module.said]),
};

export function browserLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0];
    if (base === 'en' || base === 'ja' || base === 'ko') return base;
  }
  return 'en';
}

export async function useLanguage(chosen: Language) {
  [table.value, saidTable.value] = await LOADERS[chosen]();
  language.value = chosen;
  document.documentElement.lang = chosen;
}

/** A sentence of the server in the language of the user, as far as it is known; also one that goes on behind a colon. */
export const said = (text: string) => saidIn(saidTable.value, text);

export function saidIn(known: Record<string, string>, text: string): string {
  if (Object.hasOwn(known, text)) return known[text]!;
  const colon = text.indexOf(': ');
  const begin = text.slice(0, Math.max(colon, 0));
  return Object.hasOwn(known, begin) ? known[begin]! + text.slice(colon) : text;
}

/** Several sentences of the server, each by itself; those that have a number in them are known with `{n}` in its place. */
export const saidSentences = (text: string) => saidSentencesIn(saidTable.value, text);

export function saidSentencesIn(known: Record<string, string>, text: string): string {
  const told = text.split(/(?<=\.) (?=[A-Z])/).map((sentence) => {
    const number = /\d+/.exec(sentence)?.[0];
    const pattern = number === undefined ? sentence : sentence.replace(number, '{n}');
    return Object.hasOwn(known, pattern) ? fill(known[pattern]!, { n: number ?? '' }) : sentence;
  });
  return told.join(' ');
}

/** A text with its gaps filled: `{name}`, and `{n|message|messages}`, which is the number and the noun that goes with it. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return fill(table.value[key], values);
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one?: string, other?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    const shown = typeof value === 'number' ? formatNumber(value) : value;
    return other === undefined ? shown : `${shown} ${value === 1 ? one : other}`;
  });
}

// ------------------------------------------------------------------------------------------------ numbers, times

const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function cached<T extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => T): T {
  const name = `${language.value} ${key}`;
  let found = formats.get(name) as T | undefined;
  if (found === undefined) {
    found = make();
    formats.set(name, found);
  }
  return found;
}

export function formatNumber(value: number, digits = 0): string {
  const options = { maximumFractionDigits: digits };
  return cached(`number ${digits}`, () => new Intl.NumberFormat(language.value, options)).format(value);
}

/** A measured value: as many digits as mean something. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e12 || size < 1e-4)) return value.toExponential(3);
  const options = { maximumSignificantDigits: size >= 1e6 ? 12 : 7 };
  return cached(`value ${options.maximumSignificantDigits}`, () => new Intl.NumberFormat(language.value, options)).format(value);
}

/** In each second: `0.2`, `12`, `4,981`. */
export function formatRate(rate: number): string {
  if (rate === 0) return '0';
  if (rate < 0.05) return '<0.1';
  return formatNumber(rate, rate < 9.95 ? 1 : 0);
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (Math.abs(value) >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${formatNumber(value, unit === 0 || value >= 99.5 ? 0 : 1)} ${BYTE_UNITS[unit]}`;
}

/** A length of time in its two largest units: `3 d 4 h`, `12 min 5 s`, `40 ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${formatNumber(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  const parts: [number, Key][] = [
    [Math.floor(seconds / 86_400), 'unit.days'],
    [Math.floor(seconds / 3600) % 24, 'unit.hours'],
    [Math.floor(seconds / 60) % 60, 'unit.minutes'],
    [seconds % 60, 'unit.seconds'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = parts.slice(first, first + 2).filter(([value], index) => index === 0 || value > 0);
  return shown.map(([value, unit]) => t(unit, { n: value })).join(' ');
}

export function formatMicroseconds(us: number): string {
  if (us < 1000) return `${formatNumber(us)} µs`;
  return us < 1e6 ? `${formatNumber(us / 1000, us < 10_000 ? 1 : 0)} ms` : `${formatNumber(us / 1e6, 1)} s`;
}

/** `14:03:05`, and with milliseconds `14:03:05.123`; the clock of 24 hours in all languages. */
export function formatTime(ms: number, withMilliseconds = false): string {
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  if (withMilliseconds) options.fractionalSecondDigits = 3;
  return cached(`time ${withMilliseconds}`, () => new Intl.DateTimeFormat(language.value, options)).format(ms);
}

/** Day and time; of today the time alone. */
export function formatDateTime(ms: number, nowMs = Date.now()): string {
  if (new Date(ms).toDateString() === new Date(nowMs).toDateString()) return formatTime(ms);
  const isThisYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
  const options: Intl.DateTimeFormatOptions = {
    ...(isThisYear ? {} : { year: 'numeric' }),
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  };
  return cached(`date time ${isThisYear}`, () => new Intl.DateTimeFormat(language.value === 'en' ? 'en-CA' : language.value, options)).format(ms);
}
