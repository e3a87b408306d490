/**
 * Somebody's first minute: the page tells what to type, he copies it to a terminal, and sees his number drawn.
 *
 *   MIDGE_CONSOLE=… node e2e/first.mjs      (of a server to which nothing was published, and where nobody has to log in)
 */

import { execSync } from 'node:child_process';
import { BASE, DESKTOP, check, openPage, until, withBrowser } from './browser.mjs';

await withBrowser(async (context) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await tellsOfOtherMachines(context);
  const page = await openPage(context);
  const begunMs = Date.now();
  await page.goto(BASE);

  await page.getByRole('heading', { name: 'Publish a first message' }).waitFor();
  await fits(page);
  await page.locator('.command').first().getByRole('button', { name: 'Copy' }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  const publish = (value) => execSync(command.replace(/21\.5$/, value), { shell: '/bin/sh', stdio: 'pipe' });
  check(command.endsWith('21.5'), `it publishes a number: ${command}`);
  publish('21.5');

  const row = page.getByRole('treeitem', { name: /temperature/ });
  await row.getByText('21.5').waitFor();
  await row.click();
  await page.getByRole('button', { name: 'Draw' }).click();
  await page.locator('.drawer canvas').waitFor();
  await page.locator('.drawer .legend td.strong', { hasText: '21.5' }).waitFor();
  console.log(`a number is drawn after ${Date.now() - begunMs} ms, with a command and two clicks`);

  publish('22.75');
  await page.locator('.drawer .legend td.strong', { hasText: '22.75' }).waitFor();
  await until(() => isDrawn(page), 'there is a line to be seen');
  await page.screenshot({ path: '.shots/first.png' });
  await publishesItself(page);
  check(page.faults.length === 0, page.faults.join('\n'));
});

/** Who may publish over MQTT may do so from the page. */
async function publishesItself(page) {
  await page.getByRole('link', { name: 'Publish', exact: true }).last().click();
  await page.getByLabel('Payload', { exact: true }).fill('23.125');
  for (const qos of ['QoS 1', 'QoS 2']) {
    await page.getByRole('radio', { name: qos }).check();
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText('Published; nobody has subscribed to it.', { exact: true }).last().waitFor();
  }
  await page.goBack();
  await page.locator('.drawer .legend td.strong', { hasText: '23.125' }).waitFor();
}

/** The command for another machine stands there where a listener can be reached from it. */
async function tellsOfOtherMachines(context) {
  const page = await openPage(context);
  const change = (path, changed) =>
    page.route(`**/v1/${path}`, async (route) => route.fulfill({ json: changed(await (await route.fetch()).json()) }));
  await change('session', (session) => ({ ...session, host_hint: '192.0.2.2' }));
  for (const [address, count] of [['127.0.0.1', 0], ['0.0.0.0', 1], ['::1', 0], ['192.0.2.2', 1]]) {
    await change('listeners', (listeners) => listeners.map((one) => ({ ...one, address })));
    await Promise.all([page.waitForResponse(/v1\/listeners$/), page.goto(BASE)]);
    await page.getByRole('heading', { name: 'Publish a first message' }).waitFor();
    await page.waitForTimeout(200);
    check((await page.locator('.command', { hasText: '192.0.2.2' }).count()) === count, `with a listener at ${address}`);
    await page.unroute('**/v1/listeners');
  }
  await page.close();
}

/** On a phone what is to be read and typed lies between the search, which stays where it was, and the last line; it can be scrolled. */
async function fits(page) {
  const place = (selector) => page.locator(selector).evaluate((element) => element.getBoundingClientRect().toJSON());
  await page.setViewportSize({ width: 360, height: 740 });
  await page.locator('.list-pane .welcome').waitFor();
  await page.locator('.welcome .hint').scrollIntoViewIfNeeded();
  const [head, tools, last, status] = await Promise.all(['.list-pane .page-head', '.pane-tools', '.welcome .hint', '.status'].map(place));
  check(head.bottom <= tools.top && last.top > tools.bottom && last.bottom <= status.top, `nothing lies over anything else: ${JSON.stringify([head, tools, last, status])}`);
  await page.setViewportSize(DESKTOP);
}

/** Whether the picture has something in the colour of the first line: two points and what is between them. */
function isDrawn(page) {
  return page.locator('.drawer canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let dots = 0;
    for (let at = 0; at < data.length; at += 4) {
      const [red, green, blue] = data.subarray(at, at + 3);
      if (red === 0x0b && green === 0x6e && blue === 0x5f) dots++;
    }
    return dots > 40;
  });
}
