// node inspect.mjs JOB: somebody looks at one flow in mitmweb.
// JOB (JSON file): {chromium, url: of mitmweb with its token, flow: the id, filter, screenshot}
// Prints one JSON line: the text of the flow's request as it is shown, and the paths that the filter leaves in the list.
import fs from 'node:fs';
import { launch } from './chromium.mjs';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const browser = await launch({ ...job, host: '127.0.0.1' });
try {
  const page = await (await browser.newContext({ viewport: { width: 1400, height: 1000 } })).newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(job.url);
  await page.waitForSelector('.flow-table tbody td.col-comment');
  await page.click('text=Flow List');
  await page.fill('.filter-input input >> nth=0', job.filter);
  await page.waitForFunction(() => ![...document.querySelectorAll('.flow-table .col-comment')].some((cell) => /^(answered|unchanged)/.test(cell.textContent)));
  const listed = await page.$$eval('.flow-table tbody tr .col-comment', (cells) => cells.map((cell) => cell.textContent));
  await page.goto('about:blank'); // a change of the hash alone is no visit
  await page.goto(`${job.url}#/flows/${job.flow}/request`);
  await page.waitForFunction(() => document.querySelector('.flow-detail')?.innerText.includes('⟦'));
  await page.$eval('.flow-detail', (shown) => { // what is looked for, into view
    const inside = [...shown.querySelectorAll('*')].filter((one) => one.children.length === 0 && one.textContent.includes('⟦'));
    inside[0]?.scrollIntoView({ block: 'center' });
  });
  await page.screenshot({ path: job.screenshot });
  console.log(JSON.stringify({ shown: await page.innerText('.flow-detail'), listed, errors }));
} finally {
  await browser.close();
}
