// node console.mjs JOB: people who work with the console, each in a browser profile of their own; and a page elsewhere.
// JOB (JSON file): {chromium, console: origin, gateway: origin, file: rule file's name, password, screenshots: folder}
// Prints one JSON line: what each of them met. Every page is photographed, light and dark.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { launch, viewport } from './chromium.mjs';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const told = { errors: [] };
const RULE = `extends: default
mask:
  - name: order notes
    fields: ["**.order.note"]
    with: redact
tests:
  - name: an order's note is masked
    tracker: posthog
    input: {event: x, properties: {order: {note: "by the door"}}}
    expect: {event: x, properties: {order: {note: "[redacted]"}}}
`;
const browser = await launch({ ...job, host: '127.0.0.1' });
const someone = async () => {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => told.errors.push(`exception: ${error}`));
  page.on('console', (message) => { if (/Content Security|Refused/.test(message.text())) told.errors.push(message.text()); });
  page.on('dialog', (dialog) => dialog.accept());
  return page;
};
const look = async (page, name) => {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: path.join(job.screenshots, `${name}-${scheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: 'light' });
};
const logIn = async (page, name, password = job.password) => {
  await page.goto(`${job.console}/login`);
  await page.fill('[name=name]', name);
  await page.fill('[name=password]', password);
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
};
const edit = `${job.console}/rules/edit?file=${encodeURIComponent(job.file)}`;
const press = (page, value) => Promise.all([page.waitForNavigation(), page.click(`button[value=${value}]`)]);
const event = async (note) => (await fetch(`${job.gateway}/t/e/`, {
  method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ api_key: 'phc_x', event: 'ordered', properties: { order: { note } } }),
})).status;

try {
  const stranger = await someone();
  await stranger.goto(`${job.console}/rules`);
  told.stranger = new URL(stranger.url()).pathname;
  told.throttled = '';
  for (let tries = 0; tries < 9 && !/Wait/.test(told.throttled); tries += 1) {
    await logIn(stranger, 'ann', 'not the password');
    told.throttled = await stranger.textContent('[role=alert]');
  }
  await look(stranger, 'login');
  const wait = Number(/\d+/.exec(told.throttled)?.[0] ?? 0);
  await new Promise((resolve) => setTimeout(resolve, (wait + 0.5) * 1000));

  const ann = stranger;
  await logIn(ann, 'ann');
  told.ann = new URL(ann.url()).pathname;
  await event('before the rule: by the door');
  await ann.goto(edit);
  await ann.fill('#text', RULE.replace('redact\n', 'redct\n'));
  await press(ann, 'check');
  told.checked = await ann.textContent('#checked');
  await look(ann, 'mistake');

  const ed = await someone();
  await logIn(ed, 'ed');
  await ed.goto(edit);

  await ann.fill('#text', RULE);
  await ann.fill('[name=note]', 'seen in support');
  await press(ann, 'publish');
  told.published = await ann.textContent('[role=alert]');
  await look(ann, 'edit');
  await ann.fill('#text', RULE.replace('"**.order.note"', '"**.order.remark"').replace(/tests:[^]*/, ''));
  await ann.selectOption('[name=share]', '100');
  await press(ann, 'shadow');
  await event('after the rule: by the door');
  for (let tries = 0; tries < 100 && !/1 requests/.test(await ann.textContent('#shadow')); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await ann.reload();
  }
  told.shadow = (await ann.innerText('#shadow')).replace(/\s+/g, ' ');
  await look(ann, 'shadow');
  await Promise.all([ann.waitForNavigation(), ann.click('#shadow button')]);

  await ed.fill('#text', '# what ed wrote\nextends: default\n');
  await press(ed, 'publish');
  told.conflict = await ed.textContent('#told');
  told.kept = await ed.inputValue('#text');
  told.theirs = await ed.textContent('pre.diff');
  await look(ed, 'conflict');

  const vic = await someone();
  await logIn(vic, 'vic');
  await vic.goto(edit);
  told.viewerButtons = await vic.locator('main button').count();
  told.viewerPublishes = await vic.evaluate(async ([url, file]) => {
    const body = new URLSearchParams({
      proof: document.querySelector('[name=proof]').value, file, text: 'extends: default\n', do: 'publish',
      etag: document.querySelector('[name=etag]').value,
    });
    return (await fetch(url, { method: 'POST', body, redirect: 'manual' })).status;
  }, ['/rules/edit', job.file]);

  const elsewhere = http.createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<form method="post" action="${job.console}/routes"><input name="route" value="shop"><input name="do" value="stop"></form>
      <script>document.forms[0].submit()</script>`);
  });
  await new Promise((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const bait = await ann.context().newPage();
  const [answer] = await Promise.all([
    bait.waitForResponse(`${job.console}/routes`), bait.goto(`http://127.0.0.1:${elsewhere.address().port}/`),
  ]);
  told.crossSite = [answer.status(), answer.headers().location];
  elsewhere.close();
  await bait.close();

  await ann.goto(`${job.console}/routes`);
  told.afterCrossSite = await ann.locator('.banner').count();
  await press(ann, 'stop');
  told.stopped = await ann.textContent('.banner');
  await look(ann, 'routes');
  told.whileStopped = await event('while stopped: by the door');
  await press(ann, 'start');

  for (const name of ['rules', 'rules/history', 'accounts', 'account', 'audit']) {
    await ann.goto(`${job.console}/${name}`);
    await look(ann, name.replace('/', '-'));
  }
  told.history = await (await ann.goto(`${job.console}/rules/history`)) && await ann.textContent('tbody tr');
  await Promise.all([ann.waitForNavigation(), ann.click('nav .me button')]);
  await ann.goto(`${job.console}/audit`);
  told.afterLogOut = new URL(ann.url()).pathname;
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}
