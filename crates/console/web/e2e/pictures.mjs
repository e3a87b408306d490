/**
 * The pictures in README and docs/console.md: of every page, light and dark.
 *
 *   MIDGE=../../../target/release/midge node e2e/pictures.mjs [seconds]
 *
 * It starts a server of its own at the usual ports. A greenhouse and a workshop publish for a while, and some things go wrong.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

Object.assign(process.env, { MIDGE_CONSOLE: 'http://127.0.0.1:9883', MIDGE_USER: 'ada', MIDGE_PASSWORD: 'secret' });
const { goTo, openPage, until, withBrowser } = await import('./browser.mjs');
const { api } = await import('./api.mjs');

const SECONDS = Number(process.argv[2] ?? 240);
const MIDGE = resolve(process.env.MIDGE ?? '../../../target/release/midge');
const pictures = fileURLToPath(new URL('../../../../docs/console', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'midge-pictures-'));

const CONFIGURATION = `listener 1883 127.0.0.1
console_listener 9883
console_admin ada
user root
password_file ${folder}/passwords
acl_file ${folder}/acl
persistence true
persistence_location ${folder}
max_queued_messages 100
log_dest file ${folder}/log
file_sink ${folder}/workshop.jsonl
file_sink_topic workshop/#
`;

const ACL = `user ada
topic readwrite #
topic read $SYS/#

user greenhouse
topic readwrite greenhouse/#

user workshop
topic readwrite workshop/#
`;

const CHART = 's=greenhouse/north/climate~.air.temperature&s=greenhouse/south/climate~.air.temperature&r=workshop/press/pressure';
const PAGES = {
  topic: '#/topics/greenhouse/north/climate?s=greenhouse/north/climate~.air.temperature&s=greenhouse/north/temperature',
  charts: `#/charts?${CHART}`,
  publish: '#/publish/greenhouse/north/door',
  retained: '#/retained',
  clients: '#/clients',
  client: '#/clients/greenhouse-north-climate',
  problems: '#/problems',
  server: '#/server',
  configuration: '#/server/config',
  sinks: '#/server/sinks',
  access: '#/server/access',
};

const running = [];

function start(words, options = {}) {
  const child = spawn(MIDGE, words, { stdio: ['pipe', 'ignore', 'ignore'], ...options });
  running.push(child);
  return child;
}

const login = (user, password = 'secret') => ['-p', '1883', '-V', '5', '-u', user, '-P', password];

/** What ends by itself, one way or the other. */
const play = (words) => new Promise((done) => start(words).on('close', done).stdin.end());

const wave = (seconds, length, shift) => Math.sin((seconds / length + shift) * 2 * Math.PI);
const rounded = (value) => Number(value.toFixed(2));

/** A client for each topic, which publishes what it is given line by line. */
const publishers = new Map();

function publish(topic, payload) {
  if (!publishers.has(topic)) {
    const [user] = topic.split('/');
    publishers.set(topic, start(['pub', ...login(user), '-i', topic.replaceAll('/', '-'), '-q', '1', '-t', topic, '-l']));
  }
  publishers.get(topic).stdin.write(`${payload}\n`);
}

function publishAll(seconds) {
  for (const [index, place] of ['east', 'north', 'south'].entries()) {
    const celsius = 21 + 2 * wave(seconds, 90, index / 3) + 0.4 * wave(seconds, 17, index / 5);
    const climate = { air: { temperature: rounded(celsius), humidity: Math.round(60 - 4 * wave(seconds, 90, index / 3)) }, light: Math.round(400 + 120 * wave(seconds, 140, 0)) };
    publish(`greenhouse/${place}/climate`, JSON.stringify(climate));
    publish(`greenhouse/${place}/temperature`, rounded(celsius - 0.8 + 0.3 * wave(seconds, 11, index / 2)));
  }
  publish('workshop/press/pressure', rounded(5 + wave(seconds, 60, 0.2)));
}

/** Doors that are remembered, a logger that is away for too long, and clients that may not do what they try. */
async function playAround() {
  for (const [index, place] of ['east', 'north', 'south'].entries()) {
    await api('publish', { topic: `greenhouse/${place}/door`, payload: index === 0 ? 'open' : 'closed', qos: 1, retain: true, properties: {} });
  }
  await play(['sub', ...login('workshop'), '-i', 'logger', '-c', '-x', '86400', '-q', '1', '-t', 'workshop/#', '-E']);
  start(['sub', ...login('ada'), '-i', 'dashboard', '-q', '1', '-t', '#']);
  await play(['pub', ...login('workshop'), '-i', 'press-2', '-q', '1', '-t', 'greenhouse/north/door', '-m', 'open']);
  for (let tries = 0; tries < 3; tries += 1) await play(['pub', ...login('greenhouse', 'guessed'), '-i', 'old-sensor', '-t', 'greenhouse/west', '-m', '20']);
}

async function takePictures(context) {
  const page = await openPage(context);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const [name, hash] of Object.entries(PAGES)) {
      await goTo(page, hash);
      await page.mouse.move(0, 0);
      await page.waitForTimeout(6000);
      if (name === 'access') await explain(page);
      await page.screenshot({ path: `${pictures}/${name}-${colorScheme}.png` });
    }
  }
  for (const fault of page.faults) console.error(fault);
}

async function explain(page) {
  await page.getByLabel('User', { exact: false }).first().fill('workshop');
  await page.locator('input.mono').fill('greenhouse/north/door');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(1000);
}

try {
  writeFileSync(join(folder, 'midge.conf'), CONFIGURATION);
  writeFileSync(join(folder, 'acl'), ACL, { mode: 0o600 });
  for (const [index, user] of ['ada', 'greenhouse', 'workshop'].entries()) {
    execFileSync(MIDGE, ['passwd', ...(index === 0 ? ['-c'] : []), '-b', join(folder, 'passwords'), user, 'secret']);
  }
  start(['-c', join(folder, 'midge.conf')]);
  await until(() => api('session').then(() => true), 'the server runs');
  await playAround();
  await withBrowser(async (context) => {
    const begunMs = Date.now();
    const timer = setInterval(() => publishAll((Date.now() - begunMs) / 1000), 500);
    await new Promise((done) => setTimeout(done, SECONDS * 1000));
    await takePictures(context);
    clearInterval(timer);
  });
} finally {
  for (const child of running) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
