// How the tests start Chromium: the system's own binary, no traffic but loopback, no sign of automation (trackers drop
// headless visitors). `host` is the one name that resolves (and `hosts`), to loopback; `spki` is the one certificate key trusted beside
// the system's: a wrong certificate still fails. `gpc` turns on the browser's own Global Privacy Control.
// User agent and GPC are switches, since what a driver overrides does not hold for the requests of a page that is being left.
import { chromium } from 'playwright-core';

const VISITOR = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-blink-features=AutomationControlled',
];

export const viewport = { width: 1120, height: 920 };

export const launch = ({ chromium: executablePath, host, hosts = [], spki, gpc }) => chromium.launch({
  executablePath,
  headless: true,
  args: [
    ...QUIET,
    `--user-agent=${VISITOR}`,
    `--host-resolver-rules=${[host, ...hosts].map((name) => name ? `MAP ${name} 127.0.0.1,` : '').join('')}MAP * ~NOTFOUND`,
    ...(spki ? [`--ignore-certificate-errors-spki-list=${spki}`] : []),
    ...(gpc ? ['--enable-features=GlobalPrivacyControlForce'] : []),
  ],
});
