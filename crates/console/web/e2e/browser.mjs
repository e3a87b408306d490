/** Chromium for the scripts beside this file, and what they have in common. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** Where the server is that is looked at: the mock's address unless told otherwise. */
export const BASE = (process.env.MIDGE_CONSOLE ?? 'http://127.0.0.1:9983').replace(/\/$/, '') + '/';
export const USER = process.env.MIDGE_USER ?? null;
export const PASSWORD = process.env.MIDGE_PASSWORD ?? '';

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** Starts a browser of its own, runs, and ends it whatever happens. */
export async function withBrowser(run, flags = []) {
  const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => path && existsSync(path));
  const userData = mkdtempSync(join(tmpdir(), 'midge-chromium-'));
  const context = await chromium.launchPersistentContext(userData, {
    executablePath,
    headless: true,
    viewport: DESKTOP,
    locale: 'en-GB',
    acceptDownloads: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', ...flags],
  });
  try {
    return await run(context);
  } finally {
    await context.close();
    rmSync(userData, { recursive: true, force: true });
  }
}

/** A page that fails when something goes wrong in it, or when it asks anybody but its server for anything. */
export async function openPage(context, options = {}) {
  const browser = context.browser();
  const own = browser && options.own ? await browser.newContext(options.own) : context;
  const page = await own.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(`exception: ${error.stack ?? error}`));
  page.on('console', (message) => {
    const text = message.text();
    // What the browser itself says about answers that a script provokes.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection|net::ERR/.test(text)) page.faults.push(`console: ${text}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (['blob:', 'data:'].includes(url.protocol)) return;
    if (url.host !== new URL(BASE).host) page.faults.push(`request to elsewhere: ${url.href}`);
  });
  return page;
}

export async function logIn(page, user = USER, password = PASSWORD) {
  const name = page.locator('input[name=username]');
  await name.or(page.locator('nav.rail')).first().waitFor();
  if (user === null || !(await name.isVisible())) return;
  await name.fill(user);
  await page.locator('input[name=password]').fill(password);
  await page.locator('form button[type=submit]').click();
}

export async function goTo(page, hash) {
  await page.goto(BASE + hash);
  await logIn(page);
}

/** Waits for what comes about by itself. */
export async function until(question, what, mostMs = 20_000) {
  const end = Date.now() + mostMs;
  while (!(await question().catch(() => false))) {
    check(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function check(isTrue, what) {
  if (!isTrue) throw new Error(`not so: ${what}`);
}
