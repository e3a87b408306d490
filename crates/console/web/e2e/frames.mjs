/**
 * What a frame costs with 50,000 topics and 5,000 messages a second: while the tree fills, at rest, while everything is open
 * and scrolled, while searching, and with a chart. From Chromium's trace: everything that the page's main thread did between
 * one frame and the next (WebSocket, MQTT, the tree, preact, style, layout, paint), in CPU time, which does not depend on what
 * else the machine does, and in time that passed, which does. Fails above 16 ms of CPU time at the 95th percentile. Starts a
 * mock of its own unless MIDGE_CONSOLE names a server; its flags may follow (`--each`).
 */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PORT = 9977;
const MOST_MS = 16;
const flags = process.argv.slice(2);
let mock = null;
if (!process.env.MIDGE_CONSOLE) {
  const server = fileURLToPath(new URL('../mock/server.mjs', import.meta.url));
  mock = spawn(process.execPath, [server, '--port', String(PORT), '--topics', '50000', '--rate', '5000', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => mock.stdout.once('data', resolve));
  process.env.MIDGE_CONSOLE = `http://127.0.0.1:${PORT}`;
}
const { goTo, openPage, withBrowser } = await import('./browser.mjs');

const CATEGORIES = ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'];

async function measure(page, cdp, ms, act) {
  // A frame each time, also when nothing has changed.
  await page.evaluate(() => {
    globalThis.watching_ = true;
    const next = () => globalThis.watching_ && requestAnimationFrame(next);
    next();
  });
  const events = [];
  const gather = ({ value }) => events.push(...value);
  cdp.on('Tracing.dataCollected', gather);
  await cdp.send('Tracing.start', { traceConfig: { includedCategories: CATEGORIES, recordMode: 'recordAsMuchAsPossible' }, transferMode: 'ReportEvents' });
  const end = Date.now() + ms;
  while (Date.now() < end) await (act ? act() : page.waitForTimeout(200));
  const complete = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  await cdp.send('Tracing.end');
  await complete;
  cdp.off('Tracing.dataCollected', gather);
  await page.evaluate(() => (globalThis.watching_ = false));
  return framesOf(events);
}

/** The main thread of the page: the one that fires its animation frames. */
function framesOf(events) {
  const fired = events.filter((event) => event.name === 'FireAnimationFrame');
  const { pid, tid } = fired[0];
  const own = events.filter((event) => event.pid === pid && event.tid === tid && event.ph === 'X');
  const tasks = own.filter((event) => event.name === 'RunTask' || event.name === 'ThreadControllerImpl::RunTask').sort((a, b) => a.ts - b.ts);
  const starts = fired.filter((event) => event.tid === tid && event.pid === pid).map((event) => event.ts).sort((a, b) => a - b);
  const cpu = new Array(starts.length).fill(0);
  const passed = new Array(starts.length).fill(0);
  let frame = 0;
  let endOfLast = -1;
  for (const task of tasks) {
    // A task within another one is in its time already.
    if (task.ts < endOfLast) continue;
    endOfLast = task.ts + task.dur;
    while (frame < starts.length && starts[frame] < task.ts) frame++;
    if (frame >= starts.length) break;
    cpu[frame] += (task.tdur ?? task.dur) / 1000;
    passed[frame] += task.dur / 1000;
  }
  return { frames: starts.length - 1, hasCpu: tasks.some((task) => task.tdur !== undefined), cpu: parts(cpu.slice(1)), passed: parts(passed.slice(1)) };
}

function parts(frames) {
  const sorted = [...frames].sort((one, other) => one - other);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), most: sorted.at(-1) ?? 0 };
}

let isFast = true;
function report(name, { frames, hasCpu, cpu, passed }) {
  isFast &&= cpu.p95 <= MOST_MS && frames > 100;
  const shown = ({ p50, p95, p99, most }) => [p50, p95, p99, most].map((ms) => ms.toFixed(1).padStart(6)).join(' ');
  console.log(`${name.padEnd(26)} ${String(frames).padStart(5)} frames   ${hasCpu ? 'CPU' : '(no CPU times)'} ${shown(cpu)}   passed ${shown(passed)}`);
}

try {
  await withBrowser(
    async (context) => {
      const page = await openPage(context);
      const cdp = await context.newCDPSession(page);
      console.log('ms of a frame, each: p50, p95, p99, most');
      await goTo(page, '#/topics');
      await page.locator('[role=treeitem]').first().waitFor();
      report('tree fills', await measure(page, cdp, 12_000));
      const tree = page.locator('.tree');
      report('at rest', await measure(page, cdp, 8000));
      console.log(await page.locator('.counts').first().innerText());

      await page.locator('[role=treeitem]', { hasText: /^site/ }).first().locator('.caret').click().catch(() => {});
      await page.keyboard.press('/');
      await page.keyboard.type('site/+/device/+', { delay: 60 });
      report('all 50,000 found and open', await measure(page, cdp, 8000));
      await tree.hover();
      report('scrolled through', await measure(page, cdp, 8000, () => page.mouse.wheel(0, 900).then(() => page.waitForTimeout(30))));
      await page.locator('[data-search]').fill('');
      report('searched by letters', await measure(page, cdp, 6000, async () => {
        await page.locator('[data-search]').press('1');
        await page.waitForTimeout(300);
        await page.locator('[data-search]').fill('');
        await page.waitForTimeout(300);
      }));
      await goTo(page, '#/topics/greenhouse/north/climate?s=greenhouse/north/temperature&s=greenhouse/north/climate~.air.co2');
      await page.waitForTimeout(4000);
      report('a topic and a chart', await measure(page, cdp, 8000));
      await goTo(page, '#/charts?s=greenhouse/north/temperature');
      await page.waitForTimeout(3000);
      report('all numbers, and a chart', await measure(page, cdp, 8000));
      await cdp.send('HeapProfiler.collectGarbage');
      const { metrics } = await cdp.send('Performance.enable').then(() => cdp.send('Performance.getMetrics'));
      console.log(`heap: ${(metrics.find((one) => one.name === 'JSHeapUsedSize').value / 2 ** 20).toFixed(0)} MiB`);
      for (const fault of page.faults) console.error(fault);
    },
  );
} finally {
  mock?.kill();
}
process.exitCode = isFast ? 0 : 1;
