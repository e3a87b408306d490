/** Bytes and strings of strangers, made fit to be seen. Everything here stays text; nothing is ever put out as HTML. */

/** Control characters, bidirectional marks and overrides, and what has no width: they deceive the eye. */
const DECEIVING =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e0fff}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** A string on one line in which nothing is hidden: `\n`, `\t`, `\u202e`. */
export function plain(text: string, most = 400): string {
  const cut = text.length > most ? text.slice(0, most) + '…' : text;
  return cut.replace(DECEIVING, escape);
}

/** The same for text of several lines: line ends and tabs stay. */
export function plainLines(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(DECEIVING, (found) => (found === '\n' || found === '\t' ? found : escape(found)));
}

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };

function escape(found: string): string {
  const short = SHORT[found];
  if (short !== undefined) return short;
  const code = found.codePointAt(0)!;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const strict = new TextDecoder('utf-8', { fatal: true });
const lenient = new TextDecoder('utf-8');

/** The text that bytes are, or null if they are not UTF-8 or hold what no text holds. */
export function textOf(bytes: Uint8Array, isCut = false): string | null {
  let text: string;
  try {
    text = strict.decode(isCut ? withoutHalf(bytes) : bytes);
  } catch {
    return null;
  }
  // eslint-disable-next-line no-control-regex
  return /[\u0000-\u0008\u000e-\u001a]/.test(text.slice(0, 4096)) ? null : text;
}

/** Without the character at the end that a cut may have halved. */
function withoutHalf(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back);
  }
  return bytes;
}

/** One line for lists. */
export function preview(bytes: Uint8Array, most = 160): string {
  const head = bytes.length > most * 4 ? bytes.subarray(0, most * 4) : bytes;
  const text = textOf(head, head.length < bytes.length);
  if (text !== null) return plain(text, most);
  const shown = [...head.subarray(0, 24)].map(hexByte).join(' ');
  return head.length > 24 ? shown + ' …' : shown;
}

/** Bytes as text whatever they are, for searching and comparing. */
export const lenientText = (bytes: Uint8Array) => lenient.decode(bytes);

export const hexByte = (byte: number) => byte.toString(16).padStart(2, '0');

/** One line of a hex dump: offset, sixteen bytes, and what of them is ASCII. */
export function hexLine(bytes: Uint8Array, line: number, width = 16): { offset: string; hex: string; ascii: string } {
  const from = line * width;
  const part = [...bytes.subarray(from, from + width)];
  const half = width / 2;
  const cells = part.map((byte, index) => hexByte(byte) + (index === half - 1 ? ' ' : ''));
  return {
    offset: from.toString(16).padStart(6, '0'),
    hex: cells.join(' '),
    ascii: part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join(''),
  };
}

/** The number that a payload is: `21.5`, ` 21.5 °C `, `true`; null if it is none. */
export function payloadNumber(bytes: Uint8Array): number | null {
  if (bytes.length === 0 || bytes.length > 64) return null;
  const text = textOf(bytes)?.trim();
  if (!text) return null;
  if (/^(true|on)$/i.test(text)) return 1;
  if (/^(false|off)$/i.test(text)) return 0;
  const found = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?:[^\s\d.,:/+-][^\s\d.,:]{0,7})?$/u.exec(text);
  const value = found ? Number(found[1]) : NaN;
  return Number.isFinite(value) ? value : null;
}

export type ImageType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp' | 'image/bmp' | 'image/avif' | 'image/svg+xml';

/** The kind of picture, by its first bytes. It is only ever shown by `<img>`, where an SVG runs no script. */
export function imageType(bytes: Uint8Array): ImageType | null {
  const starts = (...wanted: number[]) => wanted.every((byte, index) => bytes[index] === byte);
  const ascii = (from: number, text: string) => [...text].every((c, i) => bytes[from + i] === c.charCodeAt(0));
  if (starts(0x89, 0x50, 0x4e, 0x47)) return 'image/png';
  if (starts(0xff, 0xd8, 0xff)) return 'image/jpeg';
  if (ascii(0, 'GIF8')) return 'image/gif';
  if (ascii(0, 'RIFF') && ascii(8, 'WEBP')) return 'image/webp';
  if (ascii(4, 'ftypavif')) return 'image/avif';
  if (ascii(0, 'BM') && bytes.length > 26 && bytes[14] === 40) return 'image/bmp';
  const head = lenient.decode(bytes.subarray(0, 512)).trimStart();
  return /^(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)?<svg[\s>]/i.test(head) ? 'image/svg+xml' : null;
}

export function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The bytes of pairs of hexadecimal digits, with or without space between; null where it is none. */
export function fromHex(text: string): Uint8Array | null {
  const digits = text.replace(/\s/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let from = 0; from < bytes.length; from += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(from, from + 0x8000));
  }
  return btoa(binary);
}
