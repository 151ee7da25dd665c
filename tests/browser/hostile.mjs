// node hostile.mjs JOB: opens each page of the job in a browser window of its own, pokes at it as a person might, and says
// what came of it. JOB (JSON file): {chromium, pages: {name: url}, screenshots: folder}
// Prints one JSON line: for each name {dialogs, said: console lines that begin with `ran`, ran: what wrote itself into the
// outer page, popups, errors, nodes: elements that the frame shows, kept: whether the window is still at its address}.
import fs from 'node:fs';
import path from 'node:path';
import { launch, viewport } from './chromium.mjs';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const browser = await launch({ ...job, host: '127.0.0.1' });

async function visit(name, url) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const found = { dialogs: [], said: [], popups: 0, errors: [] };
  page.on('dialog', (dialog) => { found.dialogs.push(dialog.message()); dialog.dismiss().catch(() => {}); });
  page.on('console', (message) => { if (message.text().startsWith('ran')) found.said.push(message.text()); });
  page.on('pageerror', (error) => found.errors.push(String(error)));
  context.on('page', () => { found.popups += 1; });
  await page.goto(url, { waitUntil: 'load' });
  await page.waitForTimeout(400);
  const frame = page.frames().find((one) => one !== page.mainFrame() && one.parentFrame() === page.mainFrame());
  found.nodes = await frame.evaluate(() => document.querySelectorAll('*').length).catch(() => 0);
  for (const [x, y] of [[60, 60], [200, 200], [120, 400]]) {
    await page.mouse.move(x, y);
    await page.mouse.click(x, y);
  }
  for (let at = 0; at < 6; at += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(400);
  found.ran = await page.evaluate(() => window.ran ?? null);
  found.kept = page.url() === url;
  await page.screenshot({ path: path.join(job.screenshots, `${name}.png`) });
  await context.close();
  return found;
}

const told = {};
try {
  for (const [name, url] of Object.entries(job.pages)) told[name] = await visit(name, url);
} finally {
  await browser.close();
}
console.log(JSON.stringify(told));
