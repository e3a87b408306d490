/**
 * The chart beside the window of another program that draws the same topic: both show the same curve.
 *
 *   MIDGE_CONSOLE=… MIDGE_USER=… MIDGE_PASSWORD=… MIDGE_PLOT='program that draws' node e2e/curve.mjs
 *
 * The program is told the topic and the last number; it says `subscribed`, and at the last number `curve [[x, y], …]`.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { api } from './api.mjs';
import { check, goTo, openPage, until, withBrowser } from './browser.mjs';

const TOPIC = `console-e2e/${Date.now().toString(36)}/temperature`;
/** Uneven in value and in time: jumps, a plateau, negative, many digits; each with the pause before it, in ms. */
const SERIES = [
  [21.5, 0], [21.5, 400], [-3.25, 250], [80, 900], [22.0625, 300], [22.0626, 350], [0, 1200],
  [19.125, 250], [25.5, 700], [25.75, 260], [-40, 1500], [26, 330],
];
const SEEN_LIVE = 6;
/** Faster than a chart is sent messages. */
const FAST = Array.from({ length: 30 }, (_, index) => 30 + index / 8);
const LAST = 99.5;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sent = [];

async function publish(value) {
  const fromMs = Date.now();
  await api('publish', { topic: TOPIC, payload: String(value), qos: 1, retain: false, properties: {} });
  sent.push({ value, fromMs, toMs: Date.now() });
}

/** Publishes, and waits until the server has taken a sample of it: then the next one is another sample, however slow all goes. */
async function publishSlowly(series) {
  for (const [value, pauseMs] of series) {
    await pause(pauseMs);
    await publish(value);
    await until(async () => (await api(`history?topic=${TOPIC}`)).points.length === sent.length, `${value} is remembered`);
  }
}

function startPlot() {
  const [program, ...words] = process.env.MIDGE_PLOT.split(' ');
  const plot = spawn(program, [...words, TOPIC, String(LAST), '.shots/plot.png'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  createInterface({ input: plot.stdout }).on('line', (line) => lines.push(line));
  const told = async (word) => {
    await until(async () => plot.exitCode !== null || lines.some((line) => line.startsWith(word)), `it says ${word}`, 60_000);
    const line = lines.find((one) => one.startsWith(word));
    check(line !== undefined, `the program that draws ends with ${plot.exitCode} and says ${lines}`);
    return line.slice(word.length);
  };
  return { told, end: () => plot.kill() };
}

/** Rows of the file that the page gives: when, and what. */
async function exported(page) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
  const [head, ...rows] = readFileSync(await download.path(), 'utf8').trim().split('\r\n');
  check(head === `time,${TOPIC}`, `the column is named: ${head}`);
  return rows.map((row) => row.split(',')).map(([time, value]) => ({ timeMs: Date.parse(time), value: Number(value) }));
}

const plot = startPlot();
try {
  await withBrowser(async (context) => {
    await plot.told('subscribed');
    await publishSlowly(SERIES.slice(0, SEEN_LIVE));
    const page = await openPage(context);
    await goTo(page, `#/charts?s=${TOPIC}`);
    await page.locator('.legend td.strong', { hasText: '22.0626' }).waitFor();
    await publishSlowly(SERIES.slice(SEEN_LIVE));
    await until(async () => (await exported(page)).length === SERIES.length, 'each of them is a point');
    for (const value of [...FAST, LAST]) await publish(value);
    await page.locator('.legend td.strong', { hasText: String(LAST) }).waitFor();

    const drawn = await exported(page);
    const curve = JSON.parse(await plot.told('curve'));
    check(curve.map(([, y]) => y).join() === sent.map((one) => one.value).join(), `the other program has drawn all: ${JSON.stringify(curve)}`);
    check(curve.every(([x], index) => x === index), 'one after the other');

    const slow = SERIES.length;
    const both = `${JSON.stringify(drawn)} and ${JSON.stringify(curve)}`;
    check(drawn.slice(0, slow).map((one) => one.value).join() === curve.slice(0, slow).map(([, y]) => y).join(), `the same points: ${both}`);
    // The server's clock is that of this machine, read once for all that it does at once.
    const isWhen = ({ timeMs }, { fromMs, toMs }) => timeMs >= fromMs - 20 && timeMs <= toMs + 20;
    for (const [index, one] of drawn.slice(0, slow).entries()) check(isWhen(one, sent[index]), `${one.value} stands where it came: ${both}`);

    const fast = drawn.slice(slow);
    check(fast.length < FAST.length, `of what comes fast some stand for all: ${fast.length}`);
    let at = slow;
    for (const one of fast) {
      at = sent.findIndex((other, index) => index >= at && other.value === one.value) + 1;
      check(at > 0 && isWhen(one, sent[at - 1]), `${one.value} was sent, and then: ${both}`);
    }
    check(fast.at(-1).value === LAST, 'and the newest is among them');
    check(page.faults.length === 0, page.faults.join('\n'));
    await page.screenshot({ path: '.shots/curve.png' });
  });
} finally {
  plot.end();
}
