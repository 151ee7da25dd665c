// node page_view.mjs JOB: a visitor of the shop, and an editor at the console who looks at what was recorded of it, clicks an
// element, tries the rule that is written for it, and publishes it; then the visitor comes again.
// JOB (JSON file): {chromium, host, spki, origin, site: folder that is served, console: its address, name, password, shown: text
//   of the element that is clicked, file: the rule file, private: texts that may stand nowhere on the console, screenshots}
// Prints one JSON line when the editor has published, and waits for a line on standard input; then one when the visitor has
// left again. The first one: {selector, rule, tried: text of the frame under the rule, keyboard: whether the list led to the
// same element, leaked: of `private`, what the console showed, errors}.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { bundle } from './bundle.mjs';
import { launch } from './chromium.mjs';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = async (report) => { console.log(JSON.stringify(report)); await lines.next(); };

fs.writeFileSync(path.join(job.site, 'shop.js'), await bundle(path.join(import.meta.dirname, 'site', 'shop.js')));
const shop = await launch(job);
const desk = await launch({ ...job, host: '127.0.0.1' });

async function visit() {
  const context = await shop.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${job.origin}/checkout.html`);
  await page.waitForFunction(() => window.posthog?.sessionRecordingStarted());
  await page.click('#name');
  await page.keyboard.type(job.typed, { delay: 5 });
  await page.waitForTimeout(500);
  await page.goto(`${job.origin}/bye.html`);
  await page.waitForTimeout(300);
  await context.close();
}

async function edit() {
  const context = await desk.newContext({ viewport: { width: 1400, height: 950 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  const texts = [];
  page.on('pageerror', (error) => errors.push(`exception: ${error}`));
  page.on('console', (message) => { if (message.type() === 'error') errors.push(`console: ${message.text()}`); });
  page.on('dialog', (dialog) => { dialog.accept(); });
  const look = async (name) => {
    texts.push(await page.content(), await page.frameLocator('#frame').locator('html').innerHTML());
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(150); // colours change slowly
      await page.screenshot({ path: path.join(job.screenshots, `${name}-${colorScheme}.png`) });
    }
  };
  await page.goto(`${job.console}/login`);
  await page.fill('[name=name]', job.name);
  await page.fill('[name=password]', job.password);
  await Promise.all([page.waitForURL((url) => url.pathname !== '/login'), page.click('button')]);

  // the session with the longest recording: the shop sends two, of which one names its session to the gateway
  await page.goto(`${job.console}/recordings`);
  await page.locator('tbody tr', { hasText: 'posthog' }).first().locator('a').click();
  const shown = page.frameLocator('#frame').getByText(job.shown, { exact: true });
  await shown.waitFor();
  await page.locator('#cover').waitFor({ state: 'visible' });
  await look('page');

  const [inside, cover] = [await shown.boundingBox(), await page.locator('#cover').boundingBox()];
  await page.mouse.click(Math.min(inside.x + 20, cover.x + cover.width - 5), inside.y + inside.height / 2);
  const selector = await page.locator('#selector').textContent();
  const node = await page.locator('#chosen').getAttribute('data-node');
  await page.frameLocator('#frame').locator(`[data-gateway-node="${node}"][data-gateway-chosen]`).waitFor();
  const rule = await page.locator('.try textarea').inputValue();
  await look('chosen');

  // by keyboard: to another element of the list, and back
  const there = page.locator(`#outline a[data-node="${node}"]`);
  await page.locator('#outline a').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction((old) => document.getElementById('chosen').dataset.node !== old, node);
  await there.focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction((old) => document.getElementById('chosen').dataset.node === old, node);
  const keyboard = await page.locator('#selector').textContent() === selector && await there.evaluate((one) => one === document.activeElement);

  await page.getByRole('button', { name: 'Try it on this page' }).click();
  await page.getByText('as it would leave under the rule').waitFor();
  await page.frameLocator('#frame').locator(`[data-gateway-node="${node}"]`).getByText('***').waitFor();
  const tried = await page.frameLocator('#frame').locator('body').innerText();
  await look('tried');

  await page.locator('.try select[name=file]').selectOption(job.file);
  await page.getByRole('button', { name: 'Put it in this file' }).click();
  await page.getByRole('button', { name: 'Publish' }).click();
  await page.getByText('Published').waitFor();
  await page.screenshot({ path: path.join(job.screenshots, 'published.png') });
  await context.close();
  return { selector, rule, tried, keyboard, leaked: job.private.filter((one) => texts.some((text) => text.includes(one))), errors };
}

try {
  await visit();
  await say(await edit());
  await visit();
  await say({});
} finally {
  await shop.close();
  await desk.close();
}
process.exit(0); // standard input may still be open
