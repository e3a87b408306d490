/**
 * What a user does, in a real browser against a real server (or the mock): one story after the other.
 *
 *   MIDGE_CONSOLE=http://127.0.0.1:9883 MIDGE_USER=ada MIDGE_PASSWORD=secret node e2e/run.mjs [story…]
 *
 * MIDGE_USER must be one who may change things; without it nobody logs in, and the stories about logging in are left out.
 * The story about the server that is lost needs MIDGE_LOSE, a command that takes the server away for a few seconds, or the
 * mock. Stories use topics below `console-e2e/`, and delete what they retain there.
 */

import { execSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ROOT, api, isMock, publish } from './api.mjs';
import { BASE, DESKTOP, PASSWORD, PHONE, USER, check, goTo, logIn, openPage, until, withBrowser } from './browser.mjs';
import { harm } from './harm.mjs';

const connected = (page) => page.locator('.status .dot.on').waitFor();

/** Whether what is seen at its place is this element or a part of it. */
const isAlone = (locator) =>
  locator.evaluate((element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const others = [...document.querySelectorAll('main, nav')].map((one) => one.getBoundingClientRect());
    return others.every((one) => one.right <= left || one.left >= right || one.bottom <= top || one.top >= bottom);
  });

const stories = {
  async 'the page opens and connects'(page) {
    await goTo(page, '');
    await connected(page);
    check((await page.title()).includes('Midge'), 'the title names Midge');
  },

  async 'a message arrives'(page) {
    await goTo(page, '#/topics');
    await connected(page);
    await publish('north/temperature', '21.5');
    await page.locator('[data-search]').fill(`${ROOT}/+/#`);
    const row = page.getByRole('treeitem', { name: /temperature/ });
    await row.waitFor();
    await row.getByText('21.5').waitFor();
    await row.click();
    await page.locator('.number-value', { hasText: '21.5' }).waitFor();
    await publish('north/temperature', '22.75');
    await page.locator('.number-value', { hasText: '22.75' }).waitFor();
    await until(async () => (await page.locator('.history-row').count()) >= 2, 'both are in the history');
  },

  async 'topics are counted from the moment at which they are seen'(page) {
    await publish('counted-at-once', '1', { retain: true });
    await page.addInitScript(() => {
      window.seen = [];
      new MutationObserver(() => {
        const counts = document.querySelector('.counts')?.textContent ?? '';
        const isListed = document.querySelector('.tree-row') !== null;
        if (window.seen.at(-1)?.counts !== counts || window.seen.at(-1)?.isListed !== isListed) window.seen.push({ counts, isListed });
      }).observe(document, { subtree: true, childList: true, characterData: true });
    });
    await goTo(page, '#/topics');
    await page.locator('.counts', { hasText: /^[1-9]/ }).waitFor();
    const seen = await page.evaluate(() => window.seen);
    check(!seen.some((one) => one.counts.startsWith('0 ')), `never none: ${JSON.stringify(seen)}`);
    await goTo(page, `#/topics/${ROOT}/counted-at-once`);
    await page.locator('.facts', { hasText: 'since this page was opened' }).waitFor();
    await api('retained/delete', { filter: `${ROOT}/counted-at-once`, topics: null, dry_run: false });
  },

  async 'a topic is marked as soon as something of it is retained, and no longer'(page) {
    await goTo(page, '#/topics');
    await connected(page);
    await publish('marked', '1');
    await page.locator('[data-search]').fill(`${ROOT}/marked`);
    const row = page.getByRole('treeitem', { name: /marked/ });
    const shows = async (value, isMarked) => {
      await row.locator('.value').getByText(value, { exact: true }).waitFor();
      await until(async () => ((await row.locator('.pin').count()) === 1) === isMarked, `with ${value} it is ${isMarked ? '' : 'not '}marked`);
    };
    await shows('1', false);
    await publish('marked', '2', { retain: true });
    await shows('2', true);
    await publish('marked', '3');
    await shows('3', true);
    await publish('marked', '', { retain: true });
    await publish('marked', '4');
    await shows('4', false);
    // All of these are one sample.
    await Promise.all([publish('marked', '5', { retain: true }), publish('marked', '5')]);
    await shows('5', true);
    await publish('marked', '', { retain: true });
    await until(async () => (await row.locator('.pin').count()) === 0, 'it is cleared');
  },

  async 'a chart is drawn of a number in JSON, and is in the address'(page) {
    await publish('climate', '{"air":{"temperature":20.5},"name":"x"}');
    await goTo(page, `#/topics/${ROOT}/climate`);
    await connected(page);
    const timer = setInterval(() => void publish('climate', JSON.stringify({ air: { temperature: 20 + Math.random() }, name: 'x' })).catch(() => {}), 300);
    try {
      await page.getByRole('button', { name: /^2\d\.\d/ }).first().click();
      await page.locator('.drawer canvas').waitFor();
      check(decodeURIComponent(page.url()).includes('air.temperature'), 'the address names what is drawn');
      await page.getByRole('link', { name: /Charts/ }).last().click();
      await page.locator('.legend td.strong', { hasText: /^2\d/ }).waitFor();
      const exported = async (from) => {
        const [download] = await Promise.all([from.waitForEvent('download'), from.getByRole('button', { name: 'CSV' }).click()]);
        return readFileSync(await download.path(), 'utf8');
      };
      const csv = await exported(page);
      check(csv.startsWith('time,') && csv.trim().split('\r\n').length >= 2, `the CSV has rows: ${csv.slice(0, 200)}`);
      const [picture] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'PNG' }).click()]);
      check(readFileSync(await picture.path()).subarray(1, 4).toString() === 'PNG', 'the picture is a PNG');
      const other = await openPage(page.context());
      await other.goto(page.url());
      await logIn(other);
      await other.locator('.legend', { hasText: 'air.temperature' }).waitFor();
      const begins = (text) => text.split('\r\n')[1];
      await until(async () => begins(await exported(other)) === begins(csv), 'who comes later, and logs in first, sees what was before');
      await other.close();
    } finally {
      clearInterval(timer);
    }
  },

  async 'numbers that were seen before the page was opened are offered'(page) {
    await publish('before/number', '19.25');
    await publish('before/json', '{"air":{"humidity":63},"name":"x"}');
    await publish('before/long', JSON.stringify({ level: 40.5, text: 'x'.repeat(1000) }));
    await goTo(page, '#/charts');
    const offered = (name) => page.locator('.numbers button', { hasText: name });
    await offered(`${ROOT}/before/number`).getByText('19.25').waitFor();
    await offered(`${ROOT}/before/json`).getByText('63').waitFor();
    await offered(`${ROOT}/before/long`).getByText('40.5').waitFor();
    await page.reload();
    await logIn(page);
    await offered(`${ROOT}/before/number`).click();
    await page.locator('.legend td.strong', { hasText: '19.25' }).waitFor();
  },

  async 'a picture without values says where the last one is, and leads there'(page) {
    await publish('once', '7');
    const now = Date.now();
    await goTo(page, `#/charts?s=${ROOT}/once&w=60&t=${now - 1_200_000}-${now - 600_000}`);
    await page.getByText(/No values in this window; the last one came at \d\d:\d\d:\d\d\./).waitFor();
    await page.getByRole('button', { name: 'Show it' }).click();
    await page.locator('.legend td.strong', { hasText: '7' }).waitFor();
    check((await page.locator('.no-values').count()) === 0, 'it is seen');
    check((await page.getByRole('radio', { name: '1 min' }).isChecked()) && !page.url().includes('&t='), 'in the shortest window that has it');
  },

  async 'a part of a chart that was chosen with the mouse is what a link shows, also while nothing comes'(page) {
    for (const value of ['5', '7', '3']) {
      await publish('part', value);
      await page.waitForTimeout(300);
    }
    await goTo(page, `#/charts?s=${ROOT}/part`);
    await page.locator('.legend td.strong', { hasText: '3' }).waitFor();
    const { x, y, width } = await page.locator('.plot canvas').boundingBox();
    await page.mouse.move(x + width * 0.5, y + 60);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.97, y + 60, { steps: 4 });
    await page.mouse.up();
    await page.mouse.move(5, 5);
    const other = await openPage(page.context());
    const seen = async (one) => ({
      span: await one.locator('.range-text').innerText(),
      legend: await one.locator('.legend tbody').innerText(),
      picture: await one.locator('.plot canvas').evaluate((canvas) => canvas.toDataURL()),
    });
    const isSame = async () => JSON.stringify(await seen(page)) === JSON.stringify(await seen(other));
    await page.locator('.range-text').waitFor();
    await goTo(other, new URL(page.url()).hash);
    await until(isSame, 'both see the same');
    check(/\b3\b/.test((await seen(other)).legend), 'with its values');
    await page.getByRole('button', { name: 'Live' }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    await goTo(other, new URL(page.url()).hash);
    await until(isSame, 'nor does a pause get lost');
    await other.close();
  },

  async 'a chart offers what it can fill, and says since when there is something'(page) {
    const offered = () => page.locator('.live-chart .segmented span').allInnerTexts();
    for (const [hash, windows] of [['', '1 min, 5 min, 15 min, 1 h'], ['&w=86400', '1 min, 5 min, 15 min, 1 h, 1 d']]) {
      await goTo(page, `#/charts?s=${ROOT}/young${hash}`);
      await connected(page);
      await page.waitForTimeout(500);
      await publish('young', '7');
      await page.locator('.legend td.strong', { hasText: '7' }).waitFor();
      check((await offered()).join(', ') === windows, `these are offered: ${await offered()}`);
      await page.locator('.begun', { hasText: /Values from \d\d:\d\d:\d\d on\. The server remembers the last hour\./ }).waitFor();
    }
  },

  async 'long payloads are whole, or said to be cut'(page) {
    const rows = (count) => Array.from({ length: count }, (_, number) => ({ number, name: `row ${number} of many`, on: number % 2 === 0 }));
    const document = (count) => JSON.stringify({ rows: rows(count), level: 40 + Math.random() });
    for (const [name, count] of [['long', 600], ['longer', 2000]]) {
      await goTo(page, `#/topics/${encodeURIComponent(`${ROOT}/${name}`)}`);
      await connected(page);
      // The Subscription is there before what is published, which is not retained.
      await page.waitForTimeout(500);
      const first = document(count);
      const isCut = first.length > 65_536;
      check(isCut === (name === 'longer') && first.length > 30_000, `${first.length} bytes`);
      await publish(name, first);
      await page.locator('.value-card').waitFor();
      check((await page.locator('.facts-line', { hasText: /the first 64 KiB of \d+/ }).count()) === Number(isCut), `${name} is said to be cut, or not`);
      const saves = page.getByRole('button', { name: isCut ? 'Save the beginning of the payload' : 'Save the payload' });
      await saves.waitFor();
      const second = document(count);
      await publish(name, second);
      await until(async () => (await page.locator('.history-row').count()) >= 2, `the second of ${name} is there`);
      await page.getByRole('button', { name: 'Save the payload' }).waitFor();
      await until(async () => (await page.locator('.facts-line', { hasText: 'the first' }).count()) === 0, `${name} is whole`);
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save the payload' }).click()]);
      check(readFileSync(await download.path()).length === second.length, `all of ${name} is saved`);
      await page.getByRole('button', { name: /^4\d\.\d/ }).first().click();
      const timer = setInterval(() => void publish(name, document(count)).catch(() => {}), 300);
      try {
        await page.locator('.drawer canvas').waitFor();
        await page.locator('.drawer', { hasText: /4\d\.\d/ }).waitFor();
        check((await page.getByText('midge-').count()) === 0, 'what the server adds is not told as the publisher’s');
      } finally {
        clearInterval(timer);
      }
    }
  },

  async 'a message is published'(page) {
    await goTo(page, `#/publish/${ROOT}/published`);
    await page.getByLabel('Topic', { exact: true }).waitFor();
    await page.getByRole('radio', { name: 'JSON' }).check();
    await page.getByLabel('Payload').fill('{"a": }');
    await page.getByText(/Line 1, column 7/).waitFor();
    await page.getByLabel('Payload').fill('{"a": 12345}');
    await page.getByRole('radio', { name: 'QoS 1' }).check();
    await page.locator('.form button[type=submit]').click();
    await page.locator('.note.good').waitFor();
    await page.locator('.recent-list', { hasText: `${ROOT}/published` }).waitFor();
    await goTo(page, `#/topics/${ROOT}/published`);
  },

  async 'Correlation Data is given as text or as bytes'(page) {
    await goTo(page, `#/publish/${ROOT}/request`);
    await page.getByText('Properties (MQTT 5)').click();
    const field = page.getByLabel('Correlation Data', { exact: true });
    const isSent = async () => {
      await page.locator('.form button[type=submit]').click();
      await page.getByText('Published; nobody has subscribed to it.', { exact: true }).last().waitFor();
      await page.locator('.note').waitFor({ state: 'detached' });
    };
    await page.getByRole('radio', { name: 'QoS 1' }).check();
    await isSent();
    await field.fill('4f ff');
    await isSent();
    await page.getByLabel('Correlation Data is given as').selectOption('hex');
    await isSent();
    const response = page.getByLabel('Response Topic', { exact: true });
    await response.fill('answers/#');
    await page.locator('.form button[type=submit]').click();
    await page.locator('.properties .fault').waitFor();
    check((await page.locator('.note').count()) === 0, 'what would end the connection is not sent');
    await response.fill('');
    await field.fill('4f f');
    await page.getByText('Pairs of hexadecimal digits').waitFor();
  },

  async 'what is published while one looks is seen'(page) {
    await goTo(page, `#/topics/${ROOT}/seen`);
    await connected(page);
    await page.waitForTimeout(500);
    await publish('seen', '<img src=x onerror="document.title=\'harm\'"><script>document.title="harm"</script>');
    await page.locator('.text-view', { hasText: '<script>' }).waitFor();
    check(!(await page.title()).includes('harm'), 'HTML of a payload does no harm');
  },

  ...harm,

  async 'a client is found'(page) {
    await goTo(page, '#/clients');
    const first = page.locator('.clients-table .rows .row').first();
    await first.waitFor();
    const { items } = await api('clients?state=connected&search=console&limit=10').then((answer) => (answer.items.length > 0 ? answer : api('clients?limit=10')));
    const { id } = items.find((one) => /^[\w-]{1,60}$/.test(one.id)) ?? items[0];
    await page.locator('[data-search]').fill(id);
    await page.locator('.clients-table .rows .row', { hasText: id }).first().click();
    await page.locator('.detail-part dl').waitFor();
    await page.locator('.detail-part h2', { hasText: id }).waitFor();
  },

  async 'clients are sorted by the server, and the address says by what'(page) {
    const others = [await openPage(page.context()), await openPage(page.context())];
    for (const other of others) {
      await goTo(other, '#/topics');
      await connected(other);
    }
    await goTo(page, '#/clients?state=connected');
    const ids = () => page.locator('.clients-table .rows .row .id a').allInnerTexts();
    const head = page.getByRole('columnheader', { name: 'Client id' });
    const sorted = async (order) => {
      const { items, total } = await api(`clients?state=connected&sort=id&order=${order}&limit=10`);
      check(total >= others.length, 'there are some to sort');
      // Ids of strangers are shown made fit to be seen; those of browsers are so already.
      const fit = (id) => /^[\w-]{1,60}$/.test(id);
      const expected = items.map((one) => one.id).filter(fit).slice(0, 3).join();
      await until(async () => (await ids()).filter(fit).slice(0, 3).join() === expected, `the first are ${expected}`);
      check((await head.getAttribute('aria-sort')) === `${order}ending`, 'who does not see it is told too');
    };
    await sorted('asc');
    await head.getByRole('button').click();
    await sorted('desc');
    check(page.url().includes('sort=id') && page.url().includes('order=desc'), `the address has it: ${page.url()}`);
    await page.reload();
    await logIn(page);
    await sorted('desc');
    await head.getByRole('button').press('Enter');
    await sorted('asc');
    check(!page.url().includes('sort='), `as it is by itself the address needs not say: ${page.url()}`);
    await page.setViewportSize(PHONE);
    const choice = page.getByLabel('Sort by', { exact: true });
    check((await choice.inputValue()) === 'id', 'so it is on a phone');
    await page.getByRole('button', { name: 'Ascending' }).click();
    await until(async () => page.url().includes('order=desc'), 'there it is turned by a button');
    await choice.selectOption('queued');
    await until(async () => page.url().includes('sort=queued'), 'and chosen from a list');
    await page.setViewportSize(DESKTOP);
    for (const other of others) await other.close();
  },

  async 'how a connection ended looks like a fault only where it was one'(page) {
    await goTo(page, '#/topics');
    await connected(page);
    const { id } = (await api('clients?limit=1000')).items.find((one) => /^[\w-]{1,60}$/.test(one.id));
    for (const [reason, reason_code, isOrdinary] of [['the client said goodbye', null, true], ['server shutting down: restart', 0x8b, true], ['exceeded timeout', 0x8d, false]]) {
      await page.route('**/v1/clients/*', async (route) => {
        const answer = await route.fetch();
        await route.fulfill({ json: { ...(await answer.json()), last_disconnect: { time_ms: Date.now(), reason, reason_code } } });
      });
      await goTo(page, `#/clients/${id}`);
      const note = page.locator('.detail-part .note-line', { hasText: reason.split(':')[0] });
      await note.waitFor();
      check((await note.getAttribute('class')).includes('plain') === isOrdinary, `${reason}: ${isOrdinary}`);
      await page.unroute('**/v1/clients/*');
    }
  },

  async 'of retained messages there are columns for what is known of them'(page) {
    await publish('columns', '1', { retain: true });
    const heads = () => page.locator('.retained-table .head [role=columnheader]').allInnerTexts();
    const shown = async (known) => {
      await page.route('**/v1/retained?*', async (route) => {
        const answer = await (await route.fetch()).json();
        await route.fulfill({ json: { ...answer, items: answer.items.map((one) => ({ ...one, stored_ms: null, expires_ms: null, publisher: null, ...known })) } });
      });
      await goTo(page, '#/topics');
      await goTo(page, `#/retained?filter=${ROOT}/columns`);
      await page.locator('.retained-table .rows .row').first().waitFor();
      await page.unroute('**/v1/retained?*');
      return (await heads()).slice(5).join();
    };
    check((await shown({})) === '', `nothing is known: ${await heads()}`);
    check((await shown({ publisher: 'ada' })) === 'Publisher', `publishers are: ${await heads()}`);
    check((await shown({ stored_ms: Date.now(), expires_ms: Date.now() })) === 'Stored,Expires', `times are: ${await heads()}`);
    await api('retained/delete', { filter: `${ROOT}/columns`, topics: null, dry_run: false });
  },

  async 'a sink that fails says what becomes of messages, and where to look'(page) {
    const sink = { name: 'influxdb', target: 'InfluxDB at http://127.0.0.1:8086', state: 'failing', lag_messages: 3, lag_s: 5, written: 0, refused: 0, ignored: 0, last_error: 'Connection refused' };
    await page.route('**/v1/sinks', (route) => route.fulfill({ json: [sink] }));
    await goTo(page, '#/server/sinks');
    const where = (await api('overview')).persistence ? 'on disk' : 'in memory';
    await page.getByText(`Messages wait ${where} until it takes them again. See whether it runs there, and influxdb_url; midge check FILE and the log say more.`).waitFor();
  },

  async 'retained messages are deleted after a preview'(page) {
    for (const name of ['a', 'b', 'c']) await publish(`retained/${name}`, name, { retain: true });
    await goTo(page, '#/retained');
    await page.locator('[data-search]').fill(`${ROOT}/retained/#`);
    await page.locator('.retained-table .rows .row', { hasText: `${ROOT}/retained/c` }).waitFor();
    await until(async () => (await page.locator('.retained-table .rows .row').count()) === 3, 'three are found');
    await page.getByRole('checkbox', { name: `${ROOT}/retained/a` }).check();
    await page.getByRole('button', { name: /Delete 1 chosen/ }).click();
    await page.locator('dialog .sample', { hasText: `${ROOT}/retained/a` }).waitFor();
    await page.getByRole('button', { name: 'Delete 1', exact: true }).click();
    await page.locator('.note.good').waitFor();
    await page.getByRole('button', { name: /Delete found/ }).click();
    await page.getByText('2 retained messages would be deleted').waitFor();
    await page.getByRole('button', { name: 'Delete 2', exact: true }).click();
    await page.getByText('No retained message matches').waitFor();
    check((await api(`retained?filter=${encodeURIComponent(`${ROOT}/retained/#`)}`)).items.length === 0, 'the server has none left');
  },

  async 'every page opens'(page) {
    for (const hash of ['#/topics', '#/charts', '#/publish', '#/retained', '#/clients', '#/problems', '#/server', '#/server/config', '#/server/sinks', '#/server/access']) {
      await goTo(page, hash);
      await page.locator('main h1').first().waitFor();
      await page.waitForTimeout(700);
      check((await page.locator('.failure').count()) === 0, `${hash} shows no failure: ${await page.locator('.failure').allInnerTexts()}`);
    }
  },

  async 'keys lead everywhere'(page) {
    await goTo(page, '#/topics');
    await connected(page);
    await publish('keys/one', '1');
    await page.keyboard.press('/');
    await page.keyboard.type(`${ROOT}/keys/#`);
    await until(async () => (await page.locator('.tree-row').last().locator('.label').innerText()) === 'one', 'the search has found it');
    await page.locator('.tree').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.locator('.topic-head h2', { hasText: 'one' }).waitFor();
    await page.keyboard.press('7');
    await page.locator('h1', { hasText: 'Server' }).waitFor();
    await page.keyboard.press('?');
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
  },

  async 'from the search down into what it has found, and back'(page) {
    for (const name of ['a/x', 'a/y', 'b/z']) await publish(`found/${name}`, name, { retain: true });
    const search = page.locator('[data-search]');
    const isInSearch = () => search.evaluate((field) => field === document.activeElement);
    const press = async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const active = (text) => until(async () => (await page.locator('.virtual:focus .active').innerText()).includes(text), `${text} is active`);
    await goTo(page, '#/topics');
    await connected(page);
    await page.getByRole('treeitem').first().waitFor();
    await press('/');
    await page.keyboard.type(`${ROOT}/found/#`);
    const rows = page.getByRole('treeitem');
    const last = (text) => until(async () => (await rows.last().innerText()).includes(text), `the last row is ${text}`);
    await last('z');
    const all = await rows.count();
    await press('ArrowDown');
    await active('console-e2e');
    await press('ArrowLeft');
    await until(async () => (await rows.count()) === 1, 'left closes');
    await press('ArrowRight');
    await until(async () => (await rows.count()) === all, 'right opens');
    await press('ArrowRight', 'ArrowRight', 'ArrowRight');
    await active('a');
    await press('ArrowRight');
    await active('x');
    await publish('found/a/w', 'w', { retain: true });
    await until(async () => (await rows.count()) === all + 1, 'another one comes');
    await active('x');
    await press('ArrowLeft');
    await active('a');
    await press('End', 'Enter');
    await page.locator('.topic-head h2', { hasText: 'z' }).waitFor();
    await press('Home', 'ArrowUp');
    check(await isInSearch(), 'up from the first row leads back to the search of topics');

    await goTo(page, `#/retained?filter=${ROOT}/found/%23`);
    await page.locator('.retained-table .rows .row').nth(3).waitFor();
    await press('/', 'ArrowDown', 'ArrowDown', ' ');
    check(await page.getByRole('checkbox', { name: `${ROOT}/found/a/x` }).isChecked(), 'space chooses');
    await press('ArrowUp', 'ArrowUp');
    check(await isInSearch(), 'up from the first row leads back to the search of retained messages');
    await press('ArrowDown', 'Enter');
    await page.locator('.topic-head h2', { hasText: 'w' }).waitFor();

    await goTo(page, '#/clients');
    await page.locator('.clients-table .rows .row').first().waitFor();
    await press('/', 'ArrowDown');
    const first = await page.locator('.clients-table .rows .row').first().locator('.id').innerText();
    await active(first.trim().split('\n').at(-1));
    await press('ArrowUp');
    check(await isInSearch(), 'up from the first row leads back to the search of clients');
    await api('retained/delete', { filter: `${ROOT}/found/#`, topics: null, dry_run: false });
  },

  async 'among problems too'(page) {
    if ((await api('problems')).items.length === 0) return 'no problems';
    await goTo(page, '#/problems');
    await page.locator('.problem').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.press('ArrowDown');
    const isFocused = (at) => page.locator('.problem').nth(at).evaluate((row) => row === document.activeElement);
    check(await isFocused(0), 'down leads to the first');
    await page.keyboard.press('ArrowUp');
    check(await page.locator('[data-search]').evaluate((field) => field === document.activeElement), 'and up back');
  },

  async 'retained messages of clients are counted, those of the server apart'(page) {
    for (const name of ['a', 'b']) await publish(`counted/${name}`, name, { retain: true });
    const { count, own_count } = (await api('overview')).retained;
    const { items } = await api('retained?limit=1000');
    check(own_count > 0 && count - own_count === items.length, `${count}, of which ${own_count}, and ${items.length} are listed`);
    await goTo(page, '#/server');
    const tile = page.locator('.tile', { hasText: 'Retained' });
    await tile.locator('dd', { hasText: /in \$SYS/ }).waitFor();
    await until(async () => (await tile.locator('dd').first().innerText()) === String(items.length), 'they are counted');
    await api('retained/delete', { filter: `${ROOT}/counted/#`, topics: null, dry_run: false });
  },

  async 'access is explained at the listener that is chosen, where there are several'(page) {
    const [first, second] = (await api('listeners')).filter((one) => one.protocol === 'mqtt').map((one) => one.name);
    const ask = async () => {
      await page.getByLabel('Topic', { exact: true }).fill('a');
      await page.getByRole('button', { name: 'Explain' }).click();
    };
    const verdict = page.locator('.verdict');
    await goTo(page, '#/server/access');
    await ask();
    await verdict.getByText(`By the rules of listener ${first}`, { exact: true }).waitFor();
    const choice = page.getByLabel('Listener', { exact: true });
    check((await choice.locator('option').allInnerTexts()).join() === `not said,${first},${second}`, 'those of MQTT are offered');
    await choice.selectOption(second);
    await ask();
    await verdict.getByText(`By the rules of listener ${second}`, { exact: true }).waitFor();
    const only = (await api('listeners')).filter((one) => one.name !== second);
    await page.route('**/v1/listeners', (route) => route.fulfill({ json: only }));
    await page.reload();
    await logIn(page);
    await ask();
    await verdict.waitFor();
    check((await choice.count()) === 0 && (await verdict.getByText('listener').count()) === 0, 'of one there is no choice');
  },

  async 'why somebody may do something is said in the language of the page'(page) {
    await goTo(page, '#/server/access');
    await page.locator('.form').waitFor();
    await page.keyboard.press('?');
    const choose = (language) => page.locator('dialog select').selectOption(language);
    await choose('ja');
    await page.keyboard.press('Escape');
    const why = page.locator('.verdict > p').first();
    for (const [topic, told] of [['a', 'ファイルがありません'], ['$SYS/a', 'サーバー自身のトピック']]) {
      await page.locator('.form input.mono').fill(topic);
      await page.locator('.form button[type=submit]').click();
      await why.filter({ hasText: told }).waitFor();
    }
    const answer = { allowed: false, rule: null, listener: '1883', why: 'Denied by line 14. What tokens and web services grant counts beside it when somebody logs in.' };
    await page.route('**/v1/explain', (route) => route.fulfill({ json: answer }));
    await page.locator('.form button[type=submit]').click();
    await why.filter({ hasText: /^14 行目により拒否されます。 トークン.*ます。$/ }).waitFor();
    await page.keyboard.press('?');
    await choose('en');
  },

  async 'another language'(page) {
    await goTo(page, '#/topics');
    await connected(page);
    await page.keyboard.press('?');
    await page.locator('dialog select').selectOption('ja');
    await page.locator('h1', { hasText: 'トピック' }).waitFor();
    await page.locator('dialog select').selectOption('ko');
    await page.locator('h1', { hasText: '토픽' }).waitFor();
    await page.locator('dialog select').selectOption('en');
    await page.locator('h1', { hasText: 'Topics' }).waitFor();
  },

  async 'dark by the system, and by the switch'(page) {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: 'dark' });
    await goTo(page, '#/topics');
    await connected(page);
    check((await ground()) === 'rgb(14, 18, 17)', 'the ground is dark');
    await page.keyboard.press('?');
    await page.locator('dialog').getByRole('radio', { name: 'Light' }).check();
    check((await ground()) === 'rgb(245, 245, 241)', 'the switch wins');
    await page.locator('dialog').getByRole('radio', { name: 'As the system' }).check();
    await page.emulateMedia({ colorScheme: null });
  },

  async 'a phone'(page) {
    await page.setViewportSize(PHONE);
    await publish('phone', '7');
    for (const hash of ['#/topics', `#/topics/${ROOT}/phone`, '#/charts', '#/publish', '#/retained', '#/clients', '#/problems', '#/server', '#/server/config']) {
      await goTo(page, hash);
      await page.waitForTimeout(600);
      const width = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth));
      check(width <= PHONE.width, `${hash} is not wider than the screen: ${width}`);
    }
    // Of the configuration's page, which is the last: how many lines each address takes.
    const lines = await page.locator('.config td:last-child').evaluateAll((cells) => {
      const linesOf = (node, at, length) => {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + length);
        return new Set([...range.getClientRects()].map((one) => one.top)).size;
      };
      const texts = cells.flatMap((cell) => [...cell.childNodes].filter((node) => node.data));
      return texts.flatMap((node) => [...node.data.matchAll(/\d+(\.\d+){3}/g)].map((found) => linesOf(node, found.index, found[0].length)));
    });
    check((await isMock()) || (lines.length > 0 && lines.every((one) => one === 1)), `addresses are not broken: ${lines}`);
  },

  async 'a wrong password, then the right one'(page) {
    if (USER === null) return 'no MIDGE_USER';
    await page.evaluate(() => sessionStorage.clear()).catch(() => {});
    await page.goto(BASE);
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    if (!(await page.locator('input[name=username]').or(page.locator('.rail')).first().waitFor().then(() => page.locator('input[name=username]').isVisible()))) {
      await page.keyboard.press('?');
      await page.locator('dialog').getByRole('button', { name: 'Log in' }).click();
    }
    await logIn(page, USER, PASSWORD + '-wrong');
    await page.getByText('The user name or the password is wrong.').waitFor();
    await logIn(page);
    await connected(page);
    await page.reload();
    await connected(page);
    await page.keyboard.press('?');
    await page.locator('dialog', { hasText: USER }).getByRole('button', { name: 'Log out' }).click();
    await page.locator('input[name=username]').or(page.locator('.rail')).first().waitFor();
    await page.evaluate(() => sessionStorage.clear());
  },

  async 'the server is lost and found again'(page) {
    const lose = process.env.MIDGE_LOSE;
    if (!lose && !(await isMock())) return 'no MIDGE_LOSE';
    await goTo(page, '#/topics');
    await connected(page);
    await page.getByRole('treeitem').first().or(page.locator('.welcome')).first().waitFor();
    const places = () => page.evaluate(() => ['.status', 'main', 'h1', '[data-search]', '.rail'].map((one) => JSON.stringify(document.querySelector(one).getBoundingClientRect())).join());
    const before = [];
    for (const size of [DESKTOP, PHONE]) {
      await page.setViewportSize(size);
      before.push(await places());
    }
    if (lose) execSync(lose, { stdio: 'ignore' });
    else await fetch(`${BASE}mock/lose`, { method: 'POST', body: '{"ms":6000}' });
    await page.locator('.status.lost').getByRole('alert').waitFor();
    for (const [index, size] of [DESKTOP, PHONE].entries()) {
      await page.setViewportSize(size);
      const now = await places();
      if (await page.locator('.status.lost').isVisible()) check(now === before[index], `nothing has moved: ${before[index]} ${now}`);
      check(await isAlone(page.locator('.status')), 'the line covers nothing');
    }
    await page.setViewportSize(DESKTOP);
    await connected(page);
    await page.locator('.status.lost').waitFor({ state: 'detached' });
    await publish('found', 'again');
    await page.locator('[data-search]').fill(`${ROOT}/found`);
    await page.getByRole('treeitem', { name: /found/ }).getByText('again').waitFor();
  },
};

const wanted = process.argv.slice(2);
let failed = 0;
await withBrowser(async (context) => {
  context.setDefaultTimeout(20_000);
  for (const [name, story] of Object.entries(stories)) {
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    const page = await openPage(context);
    let outcome;
    try {
      const skipped = await story(page);
      outcome = skipped ? `left out: ${skipped}` : 'good';
      if (page.faults.length > 0) throw new Error(page.faults.join('\n'));
    } catch (error) {
      failed++;
      outcome = `FAILED\n${error.stack ?? error}`;
      await page.screenshot({ path: `.shots/failed-${failed}.png` }).catch(() => {});
    }
    console.log(`${name}: ${outcome}`);
    await page.close();
  }
});
process.exitCode = failed === 0 ? 0 : 1;
