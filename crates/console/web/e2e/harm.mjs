/** Stories about payloads, topics and names of strangers that mean harm: they are shown, as what they are, and do nothing. */

import { ROOT, api, isMock, publish } from './api.mjs';
import { BASE, PASSWORD, USER, check, goTo, until } from './browser.mjs';

const HTML = '<img src=x onerror="document.title=\'harm\'"><script>document.title="harm"</script>';
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'harm\'"><script>document.title="harm"</script></svg>';
const DEEP = '{"a":'.repeat(5000) + '['.repeat(5000) + '1' + ']'.repeat(5000) + '}'.repeat(5000);
const ROWS = Array.from({ length: 14_000 }, (_, number) => ({ number, name: `row ${number}`, value: number / 7 }));
const BINARY = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7) % 256));

const PAYLOADS = {
  html: HTML,
  svg: SVG,
  brokenjson: '{"a": [1, {"b": '.repeat(2000),
  keys: JSON.stringify({ [HTML]: 1, __proto__x: 2, constructor: { prototype: 3 }, 'a\u202eb': 4, '': 5 }),
  deep: DEEP,
  large: JSON.stringify(ROWS).slice(0, 1_000_000),
  largejson: JSON.stringify(ROWS),
  line: 'x'.repeat(1_000_000),
  numbers: '1e999',
  '\u202eevil <b>name': 'a\u202eb\u0007',
  '<img src=x onerror=alert(1)>': '7',
  "quotes'\"`${1}{{2}}%00%2f~.a": '8',
  ['long'.repeat(500)]: '1',
  ['/'.repeat(150)]: '1',
};

/** The page answers, nothing of a stranger has become an element or has run, and no text turns the direction of others. */
async function isWell(page, where) {
  const seen = await page.evaluate(
    () =>
      new Promise((resolve) =>
        requestAnimationFrame(() =>
          resolve({
            title: document.title,
            made: [...document.querySelectorAll('body script, body [onerror], body [onload], body [onmouseover], img[src="x"], main b')].map((one) => one.outerHTML.slice(0, 80)),
            turns: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText),
            wider: document.documentElement.scrollWidth - innerWidth,
          }),
        ),
      ),
  );
  check(!seen.title.includes('harm'), `${where}: nothing runs`);
  check(seen.made.length === 0, `${where}: nothing is made: ${seen.made}`);
  check(!seen.turns, `${where}: no text turns others`);
  check(seen.wider <= 0, `${where}: the page is not wider`);
}

const topicOf = (name) => `${ROOT}/harm/${name}`;
const hashOf = (topic) => `#/topics/${encodeURIComponent(topic)}`;

async function views(page, name, names) {
  for (const view of names) {
    await goTo(page, `${hashOf(topicOf(name))}${view && `?view=${view}`}`);
    await page.locator('.value-card').waitFor();
    await page.waitForTimeout(100);
    await isWell(page, `${name.slice(0, 40)} as ${view || 'it comes'}`);
  }
}

async function payloads(page) {
  const all = [...Object.keys(PAYLOADS), 'binary'];
  try {
    for (const [name, payload] of Object.entries(PAYLOADS)) await publish(`harm/${name}`, payload, { retain: true });
    await publish('harm/binary', undefined, { retain: true, payload_base64: BINARY.toString('base64') });
    for (const name of all) await views(page, name, ['', 'text', 'json', 'hex', 'image', 'diff']);
    // Each says something else while it is looked at: then there are two to be told apart, and an older one to go back to.
    for (const name of all) {
      await goTo(page, `${hashOf(topicOf(name))}?view=diff`);
      await page.locator('.value-card').waitFor();
      const before = await page.locator('.history-row').count();
      const payload = PAYLOADS[name] ?? BINARY.toString('latin1');
      await publish(`harm/${name}`, payload.slice(0, -1) + (payload.endsWith('}') ? ',"z":0}' : '0'), { retain: true });
      await until(async () => (await page.locator('.history-row').count()) > Math.min(before, 3), `${name.slice(0, 40)} has a history`);
      await isWell(page, `the difference of ${name.slice(0, 40)}`);
      await page.locator('.history-row').last().click();
      await isWell(page, `${name.slice(0, 40)} as it was`);
    }
    await goTo(page, '#/charts?' + all.slice(0, 12).map((name) => `s=${encodeURIComponent(topicOf(name).replaceAll('~', '~~'))}`).join('&') + `&r=${encodeURIComponent(`${topicOf('keys')}~.${HTML}`)}`);
    await page.locator('.legend tbody tr').first().waitFor();
    await isWell(page, 'a chart of them');
    for (const hash of ['#/retained', '#/charts', '#/topics', `#/publish/${encodeURIComponent(topicOf(HTML))}`, '#/server/access']) {
      await goTo(page, hash);
      await page.waitForTimeout(800);
      await isWell(page, hash);
    }
    await goTo(page, '#/retained?filter=' + encodeURIComponent(`${ROOT}/harm/#`));
    await page.getByRole('button', { name: /Delete found/ }).click();
    await page.locator('dialog .sample').waitFor();
    await isWell(page, 'the preview of what would be deleted');
    await page.keyboard.press('Escape');
  } finally {
    await api('retained/delete', { filter: `${ROOT}/harm/#`, topics: null, dry_run: false });
  }
}

/** A connection of MQTT 3.1.1 that the page holds for a stranger of this name; says the Return Code of its CONNACK. */
function connectAs(page, { id, username, password, filter }) {
  return page.evaluate(
    ([url, who]) =>
      new Promise((resolve, reject) => {
        const text = (value) => {
          const bytes = new TextEncoder().encode(value);
          return [bytes.length >> 8, bytes.length & 255, ...bytes];
        };
        const packet = (first, body) => {
          const length = [];
          for (let rest = body.length; ; rest >>= 7) {
            length.push((rest & 127) | (rest > 127 ? 128 : 0));
            if (rest <= 127) return new Uint8Array([first, ...length, ...body]);
          }
        };
        const socket = new WebSocket(url, 'mqtt');
        socket.binaryType = 'arraybuffer';
        (globalThis.held ??= []).push(socket);
        socket.onopen = () => socket.send(packet(0x10, [...text('MQTT'), 4, 0xc2, 0, 60, ...text(who.id), ...text(who.username), ...text(who.password)]));
        socket.onerror = () => reject(new Error('no connection'));
        socket.onmessage = ({ data }) => {
          const bytes = new Uint8Array(data);
          if (bytes[0] !== 0x20) return;
          if (bytes[3] === 0) socket.send(packet(0x82, [0, 1, ...text(who.filter), 0]));
          resolve(bytes[3]);
        };
      }),
    [BASE.replace('http', 'ws') + 'mqtt', { id, username, password, filter }],
  );
}

async function names(page) {
  if (USER === null || (await isMock())) return 'no MIDGE_USER';
  const mark = ROOT.split('/')[1];
  const ids = [`${mark} ${HTML}`, `${mark} \u202eevil\u202c`, `${mark}/../a?b#c&d=%00`, `${mark} ${'x'.repeat(3000)}`, `${mark} <b onmouseover=alert(1)>x</b>`];
  // A page of its own holds the connections: the one that is looked at goes from place to place.
  const holder = await page.context().newPage();
  await holder.goto(BASE);
  for (const id of ids) {
    check((await connectAs(holder, { id, username: USER, password: PASSWORD, filter: `${ROOT}/${HTML}` })) === 0, `${id.slice(0, 60)} comes in`);
  }
  const code = await connectAs(holder, { id: ids[0], username: `${mark} <script>document.title="harm"</script>`, password: 'wrong', filter: 'x' });
  check(code === 5, `one is refused: ${code}`);
  for (const sort of ['', '&sort=id&order=desc']) {
    await goTo(page, `#/clients?q=${mark}${sort}`);
    await until(async () => (await page.locator('.clients-table .rows .row').count()) === ids.length, 'all of them are listed');
    await isWell(page, 'the list of clients');
  }
  for (const id of ids) {
    await goTo(page, `#/clients/${encodeURIComponent(id)}?q=${mark}`);
    await page.locator('.subscriptions li').first().waitFor();
    await isWell(page, `the client ${id.slice(0, 40)}`);
    await page.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await page.locator('dialog[open]').waitFor();
    await isWell(page, `the question whether ${id.slice(0, 40)} is to go`);
    await page.locator('dialog').getByRole('button', { name: 'Disconnect', exact: true }).click();
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
  }
  await goTo(page, `#/problems?q=${mark}`);
  await page.locator('.problem', { hasText: '<script>' }).first().waitFor();
  await isWell(page, 'the problems');
  await holder.close();
}

export const harm = {
  'payloads and topics that mean harm do none': payloads,
  'clients and problems with names that mean harm do none': names,
};
