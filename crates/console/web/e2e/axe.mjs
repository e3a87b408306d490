/** axe-core on every page, light and dark, desktop and phone: no violation. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BASE, DESKTOP, PHONE, goTo, openPage, withBrowser } from './browser.mjs';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = [
  '#/topics',
  '#/topics/greenhouse/north/temperature',
  '#/topics/greenhouse/north/climate?s=greenhouse/north/climate~.air.temperature',
  '#/topics/greenhouse/north/climate?view=diff',
  '#/topics/hostile/binary',
  '#/topics/camera/yard/small',
  '#/topics/greenhouse/north/door',
  '#/charts',
  '#/charts?s=greenhouse/north/temperature&r=greenhouse/south/fan/speed',
  '#/publish/greenhouse/+',
  '#/retained',
  '#/clients',
  '#/clients?sort=queued&order=desc',
  '#/clients/plc.line1.13',
  '#/problems',
  '#/server',
  '#/server/config',
  '#/server/sinks',
  '#/server/access',
];

/** The page's policy lets no script in from outside, which is what a test wants to do. */
async function run(page) {
  await page.evaluate(source);
  const options = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
  const { violations } = await page.evaluate((chosen) => globalThis.axe.run(document, chosen), options);
  return violations.map((one) => `${one.id} (${one.impact}): ${one.help}\n      ${one.nodes.slice(0, 3).map((node) => `${node.target}  ${node.html.slice(0, 160)}  ${node.any[0]?.message ?? ''}`).join('\n      ')}`);
}

/** The mock is away, and the page says so. */
async function lose(page) {
  await fetch(`${BASE}mock/lose`, { method: 'POST', body: '{"ms":2500}' });
  await page.locator('.status.lost').waitFor();
}

const DIALOGS = [
  ['#/topics', async (page) => page.keyboard.press('?')],
  ['#/retained', async (page) => page.getByRole('button', { name: /Delete all/ }).click()],
  ['#/clients/phone%2F3', async (page) => page.getByRole('button', { name: /^Disconnect$/ }).click()],
  ['#/server', lose],
];

let count = 0;
await withBrowser(async (context) => {
  const page = await openPage(context);
  for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const [hash, act] of [...PAGES.map((hash) => [hash]), ...DIALOGS]) {
        await goTo(page, hash);
        await page.waitForTimeout(1200);
        await act?.(page);
        if (act) await page.waitForTimeout(400);
        for (const violation of await run(page)) {
          count++;
          console.log(`${size} ${colorScheme} ${hash}\n    ${violation}`);
        }
        if (act) await page.keyboard.press('Escape');
        if (act === lose) await page.locator('.status.lost').waitFor({ state: 'detached' });
      }
    }
  }
});
console.log(`${count} violations`);
process.exitCode = count === 0 ? 0 : 1;
