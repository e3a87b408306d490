/** Pictures of every page, light and dark, desktop and phone, into `.shots`; to be looked at. */

import { DESKTOP, PHONE, goTo, openPage, withBrowser } from './browser.mjs';

const PAGES = {
  topics: '#/topics',
  topic: '#/topics/greenhouse/north/temperature',
  json: '#/topics/greenhouse/north/climate?s=greenhouse/north/climate~.air.temperature&s=greenhouse/north/temperature',
  diff: '#/topics/greenhouse/north/climate?view=diff',
  charts: '#/charts?s=greenhouse/north/temperature&s=greenhouse/south/temperature&r=greenhouse/north/fan/speed',
  'charts-empty': '#/charts',
  publish: '#/publish/greenhouse/north/door',
  retained: '#/retained',
  clients: '#/clients',
  client: '#/clients/plc.line1.13',
  problems: '#/problems',
  server: '#/server',
  config: '#/server/config',
  sinks: '#/server/sinks',
  access: '#/server/access',
};
const wanted = process.argv.slice(2);
const SIZES = { desktop: DESKTOP, phone: PHONE };

await withBrowser(async (context) => {
  const page = await openPage(context);
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const [name, hash] of Object.entries(PAGES)) {
        const shot = `${name}-${size}-${colorScheme}`;
        if (wanted.length > 0 && !wanted.some((part) => shot.includes(part))) continue;
        await goTo(page, hash);
        await page.waitForTimeout(2500);
        await page.screenshot({ path: `.shots/${shot}.png` });
      }
    }
  }
  for (const fault of page.faults) console.error(fault);
});
