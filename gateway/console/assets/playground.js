"use strict";
// At each pause in typing the form is sent as its button would send it, and the answer's result takes the place of the old one.
const form = document.querySelector("#playground");
const busy = document.querySelector("#busy");
const PAUSE = 500;
let timer, asked;
const attempt = async () => {
  asked?.abort();
  if (!form.elements.capture.value.trim()) return;
  const mine = asked = new AbortController();
  busy.hidden = false;
  try {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("do", "try");
    const answer = await fetch(form.action, { method: "POST", body: fields, signal: mine.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const result = page.querySelector("#result");
    if (result) document.querySelector("#result").replaceWith(result);
    else if (answer.status === 401) location.reload();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    if (mine === asked) busy.hidden = true;
  }
};
form.addEventListener("input", (event) => {
  if (event.target.type === "file" || event.target.name === "name" || event.target.name === "made_up") return;
  clearTimeout(timer);
  timer = setTimeout(attempt, PAUSE);
});
const upload = document.querySelector("#upload");
upload.closest("label").hidden = false;
upload.addEventListener("change", async () => {
  const bytes = new Uint8Array(await upload.files[0].arrayBuffer());
  upload.value = ""; // it is in the text now
  try {
    form.elements.capture.value = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const packed = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    const request = { method: "POST", path: form.elements.path.value, headers: [], body_b64: packed };
    form.elements.capture.value = JSON.stringify(request);
  }
  attempt();
});
