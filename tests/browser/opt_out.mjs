// node opt_out.mjs JOB: a visitor who switches recording off and on again, by keyboard alone, and looks at the shop in between.
// JOB (JSON file): {chromium, host, spki, origin, site: folder that is served, page: path of the opt-out page, language: that the
//   browser asks for, gpc, typed: {selector: text}, screenshots: folder, visits: lists of cookies ({name, value})}
// With `visits`, one visit of the shop in a fresh browser context for each list of cookies, and nothing else.
// Prints one JSON line and waits for a line on standard input, after each visit of the shop: {state: what the page says, button:
// its button's text or "", errors}.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { bundle } from './bundle.mjs';
import { launch, viewport } from './chromium.mjs';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = async (report) => { console.log(JSON.stringify(report)); await lines.next(); };

fs.writeFileSync(path.join(job.site, 'shop.js'), await bundle(path.join(import.meta.dirname, 'site', 'shop.js')));
const browser = await launch(job);
try {
  const context = await browser.newContext({ viewport, locale: job.language });
  let page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  const listen = (one) => {
    one.on('pageerror', (error) => errors.push(`exception: ${error}`));
    one.on('console', (message) => { if (message.type() === 'error') errors.push(`console: ${message.text()}`); });
  };
  listen(page);

  const look = async (name) => {
    const shown = { state: await page.textContent('[role=status]'), button: '' };
    if (await page.locator('button').count()) shown.button = await page.textContent('button');
    for (const scheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: path.join(job.screenshots, `${name}-${scheme}.png`) });
    }
    return shown;
  };
  const shop = async () => {
    await page.goto(`${job.origin}/checkout.html`);
    for (const [selector, text] of Object.entries(job.typed)) {
      await page.click(selector);
      await page.keyboard.type(text, { delay: 5 });
    }
    await page.goto(`${job.origin}/bye.html`);
  };
  const choose = async () => {
    await page.goto(job.origin + job.page);
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.tagName) !== 'BUTTON') throw new Error('the first stop is no button');
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  };

  for (const cookies of job.visits ?? []) {
    const fresh = await browser.newContext({ viewport, locale: job.language });
    await fresh.addCookies(cookies.map((one) => ({ ...one, url: job.origin })));
    page = await fresh.newPage();
    page.setDefaultTimeout(20_000);
    listen(page);
    await shop();
    await say({ state: '', button: '', errors });
    await fresh.close();
  }
  if (job.visits) process.exit(0);
  await page.goto(job.origin + job.page);
  await say({ ...await look('before'), errors });
  if (!job.gpc) {
    await choose();
    const off = await look('off');
    await shop();
    await say({ ...off, errors });
    await choose();
    const on = await look('on');
    await shop();
    await say({ ...on, errors });
  } else {
    await shop();
    await say({ state: '', button: '', errors });
  }
} finally {
  await browser.close();
}
process.exit(0); // standard input may still be open
