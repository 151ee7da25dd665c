"use strict";
// The live page: new rows as they come (server-sent events), newest first. Rows are written and escaped by the server.
const rows = document.querySelector("[data-rows]");
if (rows) {
  const most = 300;
  const state = document.querySelector("[data-state]");
  const pause = document.querySelector("[data-pause]");
  const url = new URL(rows.dataset.rows, location.href);
  let last = Number(url.searchParams.get("after") ?? 0);
  let source = null;
  document.querySelector("[data-live]").hidden = false;

  const say = (word, kind) => {
    if (state.textContent !== word) state.textContent = word;
    state.className = `tag ${kind}`;
  };
  const listen = () => {
    url.searchParams.set("after", last);
    source = new EventSource(url);
    source.onopen = () => {
      failed = 0;
      say("live", "good");
    };
    source.onmessage = (event) => {
      last = Number(event.lastEventId);
      rows.querySelector("[data-empty]")?.remove();
      rows.insertAdjacentHTML("afterbegin", event.data);
      rows.firstElementChild.classList.add("new");
      while (rows.rows.length > most) rows.lastElementChild.remove();
    };
    source.onerror = () => { // a stream lasts a minute; or the gateway is gone, or the log-in has ended
      stop();
      failed += 1;
      if (failed > 1) say("connecting", "warn");
      timer = setTimeout(listen, Math.min(250 * 2 ** failed, 10_000));
    };
  };
  let timer = 0;
  let failed = 0;
  const stop = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") === "false";
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    stop();
    if (paused) say("paused", "");
    else listen();
  });
  addEventListener("pagehide", stop);
  listen();
}
