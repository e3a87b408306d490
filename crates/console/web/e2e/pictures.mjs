/**
 * The pictures in README and docs/console.md: a greenhouse and a workshop publish for a while, and are looked at.
 *
 *   MIDGE_CONSOLE=… MIDGE_USER=… MIDGE_PASSWORD=… node e2e/pictures.mjs [seconds]      (of a server to which nothing was published)
 */

import { fileURLToPath } from 'node:url';
import { api } from './api.mjs';
import { goTo, openPage, withBrowser } from './browser.mjs';

const SECONDS = Number(process.argv[2] ?? 240);
const folder = fileURLToPath(new URL('../../../../docs/console', import.meta.url));

const wave = (seconds, length, shift) => Math.sin((seconds / length + shift) * 2 * Math.PI);
const rounded = (value) => Number(value.toFixed(2));

function publishAll(seconds) {
  const publish = (topic, payload, retain = false) => api('publish', { topic, payload: String(payload), qos: 0, retain, properties: {} });
  for (const [index, place] of ['east', 'north', 'south'].entries()) {
    const celsius = 21 + 2 * wave(seconds, 90, index / 3) + 0.4 * wave(seconds, 17, index / 5);
    const climate = { air: { temperature: rounded(celsius), humidity: Math.round(60 - 4 * wave(seconds, 90, index / 3)) }, light: Math.round(400 + 120 * wave(seconds, 140, 0)) };
    void publish(`greenhouse/${place}/climate`, JSON.stringify(climate));
    void publish(`greenhouse/${place}/temperature`, rounded(celsius - 0.8 + 0.3 * wave(seconds, 11, index / 2)));
    if (seconds === 0) void publish(`greenhouse/${place}/door`, index === 0 ? 'open' : 'closed', true);
  }
  void publish('workshop/press/pressure', rounded(5 + wave(seconds, 60, 0.2)));
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
});
