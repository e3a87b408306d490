/**
 * JSON as a flat list of nodes in the order in which they stand in the text. There is no recursion, so that ten thousand
 * levels do no harm; numbers keep their digits (`JSON.parse` would round an identifier of 19 digits), and a name that stands
 * twice in an object is there twice. `skip` leads over all that is inside a node, which makes folding a jump.
 */

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

export interface JsonNode {
  kind: JsonKind;
  /** Name in an object, index in an array, null at the top. */
  key: string | number | null;
  depth: number;
  parent: number;
  /** Where its text stands. */
  start: number;
  end: number;
  /** Members or elements. */
  size: number;
  /** The index of the first node after it that is not inside it. */
  skip: number;
}

export interface JsonDocument {
  text: string;
  nodes: JsonNode[];
}

export type JsonFault =
  | 'unexpectedEnd'
  | 'expectedValue'
  | 'expectedName'
  | 'expectedColon'
  | 'expectedCommaOrEnd'
  | 'badString'
  | 'badEscape'
  | 'badNumber'
  | 'afterEnd'
  | 'tooMany';

export class JsonError extends Error {
  constructor(
    readonly fault: JsonFault,
    readonly at: number,
  ) {
    super(`${fault} at ${at}`);
  }
}

const MOST_NODES = 1_000_000;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NUMBER_STRING = /^"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"$/;
const SPACE = /[ \t\r\n]*/y;
// eslint-disable-next-line no-control-regex
const PLAIN_STRING = /[^"\\\u0000-\u001f]*/y;

/** Reads a text; throws a `JsonError` that says where it stops being JSON. */
export function readJson(text: string): JsonDocument {
  return new JsonReader(text).read();
}

/** The document, or null if it is none. */
export function tryJson(text: string): JsonDocument | null {
  try {
    return readJson(text);
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

class JsonReader {
  private at = 0;
  private readonly nodes: JsonNode[] = [];
  /** Indices of the objects and arrays that are not closed. */
  private readonly open: number[] = [];

  constructor(private readonly text: string) {}

  read(): JsonDocument {
    let key: string | number | null = null;
    for (;;) {
      this.space();
      this.value(key);
      // Close what ends here, and go on behind the comma after it.
      for (;;) {
        const container = this.container();
        if (container === null) return this.finish();
        this.space();
        const justOpened = container.size === 0 && this.nodes.length - 1 === this.open.at(-1);
        const closing = container.kind === 'object' ? '}' : ']';
        if (this.peek() === closing) {
          this.at++;
          this.close(container);
          continue;
        }
        if (!justOpened) {
          if (this.peek() !== ',') this.fail(this.peek() === undefined ? 'unexpectedEnd' : 'expectedCommaOrEnd');
          this.at++;
        }
        key = container.kind === 'array' ? container.size : this.name();
        container.size++;
        break;
      }
    }
  }

  private finish(): JsonDocument {
    this.space();
    if (this.at < this.text.length) this.fail('afterEnd');
    return { text: this.text, nodes: this.nodes };
  }

  private container(): JsonNode | null {
    const index = this.open.at(-1);
    return index === undefined ? null : this.nodes[index]!;
  }

  private close(node: JsonNode) {
    node.end = this.at;
    node.skip = this.nodes.length;
    this.open.pop();
  }

  private peek(): string | undefined {
    return this.text[this.at];
  }

  private space() {
    this.run(SPACE);
  }

  /** Goes over what matches here and says whether there was any. */
  private run(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const found = pattern.test(this.text);
    const moved = found && pattern.lastIndex > this.at;
    if (moved) this.at = pattern.lastIndex;
    return moved;
  }

  private name(): string {
    this.space();
    if (this.peek() !== '"') this.fail(this.peek() === undefined ? 'unexpectedEnd' : 'expectedName');
    const start = this.at;
    this.string();
    const name = stringValue(this.text.slice(start, this.at));
    this.space();
    if (this.peek() !== ':') this.fail(this.peek() === undefined ? 'unexpectedEnd' : 'expectedColon');
    this.at++;
    return name;
  }

  private value(key: string | number | null) {
    if (this.nodes.length >= MOST_NODES) this.fail('tooMany');
    const start = this.at;
    const index = this.nodes.length;
    const kind = this.kind();
    const parent = this.open.at(-1) ?? -1;
    const node: JsonNode = { kind, key, depth: this.open.length, parent, start, end: this.at, size: 0, skip: index + 1 };
    this.nodes.push(node);
    if (kind === 'object' || kind === 'array') this.open.push(index);
  }

  private kind(): JsonKind {
    switch (this.peek()) {
      case '{':
        this.at++;
        return 'object';
      case '[':
        this.at++;
        return 'array';
      case '"':
        this.string();
        return 'string';
      case 't':
        return this.word('true', 'boolean');
      case 'f':
        return this.word('false', 'boolean');
      case 'n':
        return this.word('null', 'null');
      case undefined:
        return this.fail('unexpectedEnd');
      default:
        if (/[-\d]/.test(this.peek()!)) {
          if (!this.run(NUMBER)) this.fail('badNumber');
          if (/[\d.eE+-]/.test(this.peek() ?? '')) this.fail('badNumber');
          return 'number';
        }
        return this.fail('expectedValue');
    }
  }

  private word(word: string, kind: JsonKind): JsonKind {
    if (!this.text.startsWith(word, this.at)) this.fail('expectedValue');
    this.at += word.length;
    return kind;
  }

  private string() {
    this.at++;
    for (;;) {
      this.run(PLAIN_STRING);
      const character = this.peek();
      if (character === '"') {
        this.at++;
        return;
      }
      if (character !== '\\') this.fail(character === undefined ? 'unexpectedEnd' : 'badString');
      const escape = this.text[this.at + 1];
      if (escape === 'u') {
        if (!/^[0-9a-fA-F]{4}$/.test(this.text.slice(this.at + 2, this.at + 6))) this.fail('badEscape');
        this.at += 6;
      } else {
        if (escape === undefined || !'"\\/bfnrt'.includes(escape)) this.fail('badEscape');
        this.at += 2;
      }
    }
  }

  private fail(fault: JsonFault): never {
    throw new JsonError(fault, this.at);
  }
}

/** A string out of its JSON text. */
function stringValue(text: string): string {
  return JSON.parse(text) as string;
}

/** The text of a node that is neither object nor array; strings without quotes and escapes. */
export function scalarText(document: JsonDocument, node: JsonNode): string {
  const text = document.text.slice(node.start, node.end);
  return node.kind === 'string' ? stringValue(text) : text;
}

/** What a chart can draw: numbers, strings that are numbers (many devices send those), and booleans as 1 and 0. */
export function numberOf(document: JsonDocument, node: JsonNode): number | null {
  const text = document.text.slice(node.start, node.end);
  if (node.kind === 'number') return finite(Number(text));
  if (node.kind === 'boolean') return text === 'true' ? 1 : 0;
  if (node.kind === 'string' && NUMBER_STRING.test(text)) return finite(Number(text.slice(1, -1)));
  return null;
}

const finite = (value: number) => (Number.isFinite(value) ? value : null);

/** Line and column of a place in a text, counted from 1. */
export function lineAndColumn(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return { line, column: at - before.lastIndexOf('\n') };
}

// ------------------------------------------------------------------------------------------------ paths

/**
 * A path is the names and indices on the way to a value, with dots between them: `sensor.values.0`. A dot or backslash that
 * belongs to a name has a backslash before it. The empty path is the whole; so an empty name at the top has none of its own.
 */
export function pathOf(document: JsonDocument, index: number): string {
  const keys: string[] = [];
  for (let at = index; at >= 0; at = document.nodes[at]!.parent) {
    const { key } = document.nodes[at]!;
    if (key !== null) keys.push(String(key).replace(/[\\.]/g, '\\$&'));
  }
  return keys.reverse().join('.');
}

export function splitPath(path: string): string[] {
  if (path === '') return [];
  const keys: string[] = [];
  let key = '';
  for (let i = 0; i < path.length; i++) {
    if (path[i] === '\\' && i + 1 < path.length) key += path[++i];
    else if (path[i] !== '.') key += path[i];
    else {
      keys.push(key);
      key = '';
    }
  }
  return [...keys, key];
}

/** The index of the node at a path; of names that stand twice the last, as `JSON.parse` does; -1 if there is none. */
export function nodeAt(document: JsonDocument, path: string): number {
  let at = 0;
  for (const key of splitPath(path)) {
    let found = -1;
    const container = document.nodes[at]!;
    for (let child = at + 1; child < container.skip; child = document.nodes[child]!.skip) {
      if (String(document.nodes[child]!.key) === key) found = child;
    }
    if (found < 0) return -1;
    at = found;
  }
  return at;
}

// ------------------------------------------------------------------------------------------------ laying out

const MOST_INDENT = 40;

/** The document with one value on each line, at most so many characters of it. */
export function prettyJson(document: JsonDocument, mostCharacters = 2_000_000): string {
  const { nodes, text } = document;
  const lines: string[] = [];
  const closing: number[] = [];
  let length = 0;
  const put = (depth: number, line: string) => {
    const whole = '  '.repeat(Math.min(depth, MOST_INDENT)) + line;
    length += whole.length + 1;
    lines.push(whole);
  };
  for (let index = 0; ; index++) {
    while (closing.length > 0 && nodes[closing.at(-1)!]!.skip === index) {
      const done = closing.pop()!;
      const node = nodes[done]!;
      put(node.depth, (node.kind === 'object' ? '}' : ']') + comma(document, done));
    }
    const node = nodes[index];
    if (node === undefined) break;
    if (length > mostCharacters) return lines.join('\n') + '\n…';
    const name = typeof node.key === 'string' ? JSON.stringify(node.key) + ': ' : '';
    const isContainer = node.kind === 'object' || node.kind === 'array';
    if (isContainer && node.size > 0) {
      put(node.depth, name + (node.kind === 'object' ? '{' : '['));
      closing.push(index);
    } else if (isContainer) {
      put(node.depth, name + (node.kind === 'object' ? '{}' : '[]') + comma(document, index));
    } else {
      put(node.depth, name + text.slice(node.start, node.end) + comma(document, index));
    }
  }
  return lines.join('\n');
}

function comma(document: JsonDocument, index: number): string {
  const node = document.nodes[index]!;
  const parent = document.nodes[node.parent];
  return parent !== undefined && node.skip < parent.skip ? ',' : '';
}
