// The shop's script, as a careless owner writes it: two recorders, every masking of theirs turned off, and a form.
import posthog from 'posthog-js';
import { record } from 'rrweb';

const FLUSH = 400;
let waiting = [];

function flush() {
  if (!waiting.length) return;
  const body = JSON.stringify({ sessionId: 'session-1', windowId: 'window-1', events: waiting });
  waiting = [];
  sessionStorage.posted = Number(sessionStorage.posted ?? 0) + 1; // for the driver, which waits until all of them arrived
  fetch('/t/rr/events', { method: 'POST', headers: { 'content-type': 'application/json' }, body, keepalive: body.length < 60_000 });
}

record({ emit: (event) => waiting.push(event), maskInputOptions: { password: false } });
setInterval(flush, FLUSH);
addEventListener('pagehide', flush);

posthog.init('phc_browser_test', {
  api_host: `${location.origin}/t/ph`,
  person_profiles: 'always',
  session_recording: { maskAllInputs: false, maskInputOptions: { password: false } },
});
window.posthog = posthog; // for the driver, which waits until the recorder runs

addEventListener('DOMContentLoaded', () => {
  document.getElementById('order').addEventListener('submit', (event) => {
    event.preventDefault();
    document.getElementById('pay').textContent = 'Thank you';
    document.getElementById('outcome').innerHTML = '<p id="done">The lamp is on its way</p><p class="private">to <b>Rue Gannevoix 8</b></p>';
    posthog.identify('user-quorvandis', { email: 'trait.person@mail.test', plan: 'brass' });
    posthog.capture('lamp ordered', { lamp: 'brass desk lamp' });
  });
});
