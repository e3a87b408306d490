/**
 * The pictures in README and docs/console.md: a greenhouse and a workshop publish for a while, and are looked at.
 *
 *   MIDGE_CONSOLE=… MIDGE_USER=… MIDGE_PASSWORD=… MIDGE_PUB='midge pub -p 1883 …' node e2e/pictures.mjs [seconds]
 *
 * The server is one to which nothing was published.
 */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { api } from './api.mjs';
import { goTo, openPage, withBrowser } from './browser.mjs';

const SECONDS = Number(process.argv[2] ?? 240);
const folder = fileURLToPath(new URL('../../../../docs/console', import.meta.url));

const wave = (seconds, length, shift) => Math.sin((seconds / length + shift) * 2 * Math.PI);
const rounded = (value) => Number(value.toFixed(2));

/** A client for each topic, which publishes what it is given line by line. */
const publishers = new Map();

function publish(topic, payload) {
  if (!publishers.has(topic)) {
    const [program, ...words] = process.env.MIDGE_PUB.split(' ');
    publishers.set(topic, spawn(program, [...words, '-i', topic.split('/').slice(1).join('-'), '-t', topic, '-l'], { stdio: ['pipe', 'inherit', 'inherit'] }));
  }
  publishers.get(topic).stdin.write(`${payload}\n`);
}

function publishAll(seconds) {
  for (const [index, place] of ['east', 'north', 'south'].entries()) {
    const celsius = 21 + 2 * wave(seconds, 90, index / 3) + 0.4 * wave(seconds, 17, index / 5);
    const climate = { air: { temperature: rounded(celsius), humidity: Math.round(60 - 4 * wave(seconds, 90, index / 3)) }, light: Math.round(400 + 120 * wave(seconds, 140, 0)) };
    publish(`greenhouse/${place}/climate`, JSON.stringify(climate));
    publish(`greenhouse/${place}/temperature`, rounded(celsius - 0.8 + 0.3 * wave(seconds, 11, index / 2)));
    const door = { topic: `greenhouse/${place}/door`, payload: index === 0 ? 'open' : 'closed', qos: 1, retain: true, properties: {} };
    if (seconds === 0) void api('publish', door);
  }
  publish('workshop/press/pressure', rounded(5 + wave(seconds, 60, 0.2)));
}

await withBrowser(async (context) => {
  const begunMs = Date.now();
  const secondsNow = () => (Date.now() - begunMs) / 1000;
  publishAll(0);
  const timer = setInterval(() => publishAll(secondsNow()), 500);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const page = await openPage(context);
  const shot = async (name, colorScheme, hash) => {
    await page.emulateMedia({ colorScheme });
    await goTo(page, hash);
    await page.mouse.move(0, 0);
    await page.waitForTimeout(8000);
    await page.screenshot({ path: `${folder}/${name}.png` });
  };
  await shot('topic-light', 'light', '#/topics/greenhouse/north/climate?s=greenhouse/north/climate~.air.temperature&s=greenhouse/north/temperature');
  await shot('charts-dark', 'dark', '#/charts?s=greenhouse/north/climate~.air.temperature&s=greenhouse/south/climate~.air.temperature&r=workshop/press/pressure');
  await shot('server-dark', 'dark', '#/server');
  clearInterval(timer);
  for (const publisher of publishers.values()) publisher.stdin.end();
});
