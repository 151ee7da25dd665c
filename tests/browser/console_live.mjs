// node console_live.mjs JOB: an editor watches the console's live page while a visitor pays in the shop, and opens a request.
// JOB (JSON file): {chromium, host, spki, origin: the shop's, site: its folder, console: the console's origin, password,
//   typed: {selector: text} in the shop's form, rule: of the request to open, screenshots: folder}
// Prints one JSON line; `errors` holds whatever the console's pages have to complain of, `dialogs` what they asked.
import fs from 'node:fs';
import path from 'node:path';
import { bundle } from './bundle.mjs';
import { launch, viewport } from './chromium.mjs';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
fs.writeFileSync(path.join(job.site, 'shop.js'), await bundle(path.join(import.meta.dirname, 'site', 'shop.js')));
const browser = await launch({ ...job, hosts: ['127.0.0.1'] });
const errors = [], dialogs = [], strangers = [];

const log_in = async (name, colorScheme) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 920 }, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => errors.push(`exception: ${error}`));
  page.on('console', (message) => { if (message.type() === 'error') errors.push(`console: ${message.text()}`); });
  page.on('dialog', (dialog) => { dialogs.push(dialog.message()); dialog.dismiss(); });
  page.on('request', (request) => { if (!request.url().startsWith(job.console)) strangers.push(request.url()); });
  await page.goto(`${job.console}/login`);
  await page.fill('[name=name]', name);
  await page.fill('[name=password]', job.password);
  await page.click('button');
  await page.waitForURL(/traffic/);
  return page;
};
const shot = (page, name) => page.screenshot({ path: path.join(job.screenshots, `${name}.png`), fullPage: true });
const sides = (page, side) => page.$$eval('table.sides tbody tr', (rows, at) => rows.map((row) => row.cells[at]?.textContent ?? ''), side);

try {
  const editor = await log_in('ed', 'light');
  await editor.fill('[name=rule]', job.rule);
  await editor.selectOption('[name=verdict]', 'forwarded');
  await editor.press('[name=rule]', 'Enter');
  await editor.waitForSelector('[data-state].good');
  await editor.evaluate(() => { window.stayed = true; });

  const shop = await (await browser.newContext({ viewport })).newPage();
  shop.setDefaultTimeout(30_000);
  await shop.goto(`${job.origin}/checkout.html`);
  await shop.waitForFunction(() => window.posthog?.sessionRecordingStarted());
  for (const [selector, text] of Object.entries(job.typed)) {
    await shop.click(selector);
    await shop.keyboard.type(text, { delay: 5 });
  }
  await shop.click('#pay');

  const row = editor.locator('tr.new', { hasText: 'posthog' }).first();
  await row.waitFor();
  const arrived = { stayed: await editor.evaluate(() => window.stayed), row: (await row.innerText()).replace(/\s+/g, ' ') };
  await editor.click('[data-pause]');
  await shot(editor, 'live-light');
  const request = new URL(await row.locator('a').first().getAttribute('href'), job.console).href;

  await editor.goto(`${request}?rows=all`);
  const before = await sides(editor, 0), after = await sides(editor, 1);
  await editor.goto(request);
  await shot(editor, 'request-light');
  const reasons = await editor.$$eval('tr[id^=change-]', (rows) => rows.map((one) => one.innerText.replace(/\s+/g, ' ')));
  await editor.locator('a.change').first().focus();
  await editor.keyboard.press('Enter');
  const focused = new URL(editor.url()).hash;

  await editor.goto(`${job.console}/traffic/${job.hostile}?rows=all`);
  const hostile = { title: await editor.title(), text: (await sides(editor, 0)).join('\n') };

  const dark = await log_in('ann', 'dark');
  await shot(dark, 'live-dark');
  await dark.goto(request);
  await shot(dark, 'request-dark');

  const viewer = await log_in('vic', 'light');
  await viewer.goto(request);
  const seen = await viewer.locator('main').innerText();
  const refused = await viewer.evaluate(async (url) => (await fetch(url)).status, `/api/v1${new URL(request).pathname}/comparison`);
  await shot(viewer, 'request-viewer');

  const plain = await (await browser.newContext({ javaScriptEnabled: false, storageState: await viewer.context().storageState() })).newPage();
  await plain.goto(`${job.console}/traffic`);
  const rows = await plain.locator('tr[data-number]').count();
  const refresh = await plain.locator('meta[http-equiv=refresh]').count();

  console.log(JSON.stringify({ arrived, before, after, reasons, focused, hostile, seen, refused, plain: { rows, refresh }, errors, dialogs, strangers }));
} finally {
  await browser.close();
}
