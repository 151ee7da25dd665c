"use strict";
// Line numbers beside a text, and a jump to the line that a message names.
const text = document.querySelector("#text");
const lines = document.querySelector(".editor .lines");
const number = () => {
  const count = text.value.split("\n").length;
  lines.textContent = Array.from({ length: count }, (_, index) => index + 1).join("\n");
  lines.scrollTop = text.scrollTop;
};
text.addEventListener("input", number);
text.addEventListener("scroll", () => { lines.scrollTop = text.scrollTop; });
number();
for (const link of document.querySelectorAll("[data-line]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const line = Number(link.dataset.line) || 1;
    const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(before, before + text.value.slice(before).split("\n")[0].length);
    text.scrollTop = Math.max(0, (line - 6) * (text.scrollHeight / text.value.split("\n").length));
  });
}
