// node play.mjs JOB: plays each recording of the job in a page of its own and prints, by name, the outlines of its DOM, what
// the player complained of, and where the screenshot is.
// JOB (JSON file): {chromium, screenshots: folder, recordings: {name: [rrweb event | packed event, ...]}}
import fs from 'node:fs';
import path from 'node:path';
import { bundle } from './bundle.mjs';
import { launch, viewport } from './chromium.mjs';

const LIMIT = 30_000; // for one recording
const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const player = await bundle(path.join(import.meta.dirname, 'player.js'));
const browser = await launch(job);

async function play(name, events) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`exception: ${error}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  await page.route('**', (route) => route.fulfill({ status: 200, body: '' })); // what the recorded page links to
  await page.setContent('<!doctype html><html><head></head><body></body></html>');
  await page.addScriptTag({ content: player });
  let timer;
  const late = new Promise((done) => { timer = setTimeout(done, LIMIT, null); });
  const outlines = await Promise.race([page.evaluate((recorded) => window.play(recorded), events), late])
    .catch((error) => { complaints.push(`exception: ${error}`); return null; });
  clearTimeout(timer);
  if (outlines === null) complaints.push('did not play to its end');
  const screenshot = path.join(job.screenshots, `${name}.png`);
  await page.screenshot({ path: screenshot });
  await context.close();
  return { outlines: outlines ?? {}, complaints, screenshot };
}

const played = {};
try {
  for (const [name, events] of Object.entries(job.recordings)) played[name] = await play(name, events);
} finally {
  await browser.close();
}
console.log(JSON.stringify(played));
