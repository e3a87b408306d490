import { describe, expect, test } from 'vitest';
import { fromBase64, fromHex, hexLine, imageType, payloadNumber, plain, plainLines, preview, textOf, toBase64 } from './text';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('names of strangers', () => {
  test('hide nothing', () => {
    expect(plain('a\u202eb\u0000\n\u200bc')).toBe('a\\u202eb\\0\\n\\u200bc');
    expect(plain('\u{e0041}')).toBe('\\u{e0041}');
    expect(plain('\ud800x')).toBe('\\ud800x');
    expect(plain('温室/온실/😀')).toBe('温室/온실/😀');
  });
  test('are not longer than a line', () => {
    expect(plain('x'.repeat(100_000)).length).toBeLessThan(500);
  });
  test('line ends stay where there are lines', () => {
    expect(plainLines('a\r\n\tb\u202e')).toBe('a\n\tb\\u202e');
  });
});

describe('bytes in hexadecimal digits', () => {
  test('are pairs, with or without space', () => {
    expect(fromHex('00ff 0A\n')).toEqual(new Uint8Array([0, 255, 10]));
    expect(fromHex('')).toEqual(new Uint8Array());
    for (const wrong of ['0', '0g', '0x00', 'a b c']) expect(fromHex(wrong)).toBeNull();
  });
});

describe('payloads', () => {
  test('are text if they are UTF-8 without control characters', () => {
    expect(textOf(bytes('grün\n'))).toBe('grün\n');
    expect(textOf(new Uint8Array([0xff, 0xfe]))).toBeNull();
    expect(textOf(new Uint8Array([1, 2, 3]))).toBeNull();
    expect(textOf(bytes(''))).toBe('');
  });
  test('that were cut within a character are still text', () => {
    const cut = bytes('温室').subarray(0, 4);
    expect(textOf(cut)).toBeNull();
    expect(textOf(cut, true)).toBe('温');
    expect(preview(bytes('温'.repeat(1000)), 10)).toBe('温'.repeat(10) + '…');
  });
  test('in a list are one line', () => {
    expect(preview(bytes('<script>alert(1)</script>\n'))).toBe('<script>alert(1)</script>\\n');
    expect(preview(new Uint8Array([0, 255]))).toBe('00 ff');
  });
  test('as a hex dump', () => {
    const line = hexLine(bytes('0123456789abcdefXY\0'), 1);
    expect(line).toEqual({ offset: '000010', hex: '58 59 00', ascii: 'XY·' });
    expect(hexLine(bytes('0123456789abcdef'), 0).hex).toBe('30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66');
  });
});

const numbers: [string, number | null][] = [
  ['21.5', 21.5],
  [' -3e2\n', -300],
  ['21.5 °C', 21.5],
  ['60%', 60],
  ['.5', 0.5],
  ['on', 1],
  ['FALSE', 0],
  ['', null],
  ['open', null],
  ['2026-11-22', null],
  ['12:30', null],
  ['1,5', null],
  ['192.168.1.5', null],
  ['1e999', null],
];
test.each(numbers)('%j as a number: %s', (text, value) => {
  expect(payloadNumber(bytes(text))).toBe(value);
});

test('pictures are known by their first bytes', () => {
  expect(imageType(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13]))).toBe('image/png');
  expect(imageType(new Uint8Array([0xff, 0xd8, 0xff, 0xe0]))).toBe('image/jpeg');
  expect(imageType(bytes('<?xml version="1.0"?>\n<svg xmlns="x"/>'))).toBe('image/svg+xml');
  expect(imageType(bytes('<html><svg>'))).toBeNull();
  expect(imageType(bytes('GIF'))).toBeNull();
});

test('base64 there and back', () => {
  const all = Uint8Array.from({ length: 100_000 }, (_, i) => i % 256);
  expect(fromBase64(toBase64(all))).toEqual(all);
});
