"use strict";
// The page view: what was clicked in the frame is looked up in the list beside it; both change without a new page.
// The frame runs no script of its own; this one asks it which element stands at a point, by the browser's own functions, since
// what was recorded may hold elements that are named like them.
const frame = document.getElementById("frame");
const cover = document.getElementById("cover");
const film = document.getElementById("film");
const marks = document.getElementById("marks");
const number = (element) => (element ? Element.prototype.getAttribute.call(element, "data-gateway-node") : null);
const all = (page, selector) => Document.prototype.querySelectorAll.call(page, selector);
let turn = 0;

const scale = () => cover.clientWidth / Number(frame.width);

function fit() {
  const page = frame.contentDocument;
  if (!page?.documentElement) return;
  const width = Number(frame.dataset.width);
  const stage = document.getElementById("stage");
  const height = Math.min(20000, Math.max(Number(frame.dataset.height), page.documentElement.scrollHeight));
  const factor = Math.min(1, stage.clientWidth / width);
  frame.height = height;
  frame.style.transform = `scale(${factor})`;
  cover.hidden = false;
  cover.style.width = `${width * factor}px`;
  cover.style.height = `${height * factor}px`;
  paint();
}

function paint() {
  const page = frame.contentDocument;
  if (!page?.documentElement) return;
  page.documentElement.setAttribute("data-gateway-marks", marks.checked ? "on" : "off");
  for (const one of all(page, "[data-gateway-chosen]")) Element.prototype.removeAttribute.call(one, "data-gateway-chosen");
  const chosen = document.getElementById("chosen")?.dataset.node;
  if (chosen === undefined) return;
  for (const one of all(page, `[data-gateway-node="${Number(chosen)}"]`)) Element.prototype.setAttribute.call(one, "data-gateway-chosen", "");
}

// Shows another address of this page: what stands beside the frame, and the frame where its own address changes.
async function go(address) {
  const mine = (turn += 1);
  const answer = await fetch(address, { credentials: "same-origin" });
  if (mine !== turn) return;
  if (!answer.ok) { window.location.assign(address); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== turn) return;
  const list = document.getElementById("outline")?.scrollTop ?? 0;
  for (const id of ["seen", "when"]) document.getElementById(id).replaceChildren(...fresh.getElementById(id).childNodes);
  document.getElementById("outline").scrollTop = list;
  window.history.replaceState(null, "", address);
  const source = fresh.getElementById("frame").getAttribute("src");
  if (source === frame.getAttribute("src")) paint();
  else frame.setAttribute("src", source);
}

function choose(node) {
  const address = new URL(window.location.href);
  for (const [name, value] of new FormData(film)) address.searchParams.set(name, value);
  address.searchParams.set("node", node);
  address.hash = "";
  return go(address);
}

if (frame) {
  frame.addEventListener("load", fit);
  window.addEventListener("resize", fit);
  marks.addEventListener("change", paint);
  cover.addEventListener("click", (event) => {
    const box = cover.getBoundingClientRect();
    const page = frame.contentDocument;
    const at = [(event.clientX - box.left) / scale(), (event.clientY - box.top) / scale()];
    const under = Document.prototype.elementFromPoint.call(page, ...at);
    const node = number(under && Element.prototype.closest.call(under, "[data-gateway-node]"));
    if (node !== null) choose(node);
  });
  document.getElementById("seen").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-node]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { node } = link.dataset;
    choose(node).then(() => document.querySelector(`#outline a[data-node="${Number(node)}"]`)?.focus({ preventScroll: true }));
  });
  film.querySelector("button").hidden = true;
  film.moment.addEventListener("input", () => {
    const address = new URL(window.location.href);
    address.searchParams.set("moment", film.moment.value);
    address.searchParams.set("window", film.window?.value ?? address.searchParams.get("window") ?? "0");
    window.clearTimeout(film.late);
    film.late = window.setTimeout(go, 120, address);
  });
  film.querySelector("select")?.addEventListener("change", (event) => {
    window.location.assign(`?window=${Number(event.target.value)}`);
  });
  if (frame.contentDocument?.readyState === "complete") fit();
}
