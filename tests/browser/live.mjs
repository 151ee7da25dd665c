// node live.mjs JOB: a visitor who fills in the shop's form, pays and leaves.
// JOB (JSON file): {chromium, host, spki, origin, site: folder that is served, typed: {selector: text}, chosen: {selector:
//   option}, ticked: [selector], parting: {selector: text typed just before leaving}, cookies: {name: value}, gpc: whether the
//   browser sends Sec-GPC, recorded: whether PostHog is expected to record, screenshot}
// Prints one JSON line when the order is paid, one when the visitor has left, and after each waits for a line on standard
// input: by then its caller has seen at the other end what it waits for. `errors` holds whatever the page has to complain of.
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
  const context = await browser.newContext({ viewport });
  await context.addCookies(Object.entries(job.cookies).map(([name, value]) => ({ name, value, url: job.origin })));
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(`exception: ${error}`));
  page.on('console', (message) => { if (message.type() === 'error') errors.push(`console: ${message.text()}`); });
  page.on('response', (answer) => { if (answer.status() >= 400) errors.push(`${answer.status()}: ${answer.url()}`); });

  await page.goto(`${job.origin}/checkout.html?token=tok-mirrobelle-55`);
  if (await page.evaluate(() => navigator.globalPrivacyControl ?? false) !== job.gpc) throw new Error('this Chromium knows no GPC');
  await page.waitForFunction((recorded) => window.posthog?.sessionRecordingStarted() === recorded, job.recorded);
  const type = async (fields) => {
    for (const [selector, text] of Object.entries(fields)) {
      await page.click(selector);
      await page.keyboard.type(text, { delay: 5 });
    }
  };
  await type(job.typed);
  for (const [selector, option] of Object.entries(job.chosen)) await page.selectOption(selector, option);
  for (const selector of job.ticked) await page.check(selector);
  await page.click('#pay');
  await page.waitForSelector('#done');
  await page.screenshot({ path: job.screenshot });
  await say({ button: await page.textContent('#pay'), errors });
  await type(job.parting);
  await page.goto(`${job.origin}/bye.html`);
  await say({ posted: Number(await page.evaluate(() => sessionStorage.posted)), errors });
} finally {
  await browser.close();
}
process.exit(0); // standard input may still be open
