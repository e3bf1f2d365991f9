// What every page loads: styles, htmx, the clocks, and the little that a page cannot do by itself. Pages work without it.
import "@fontsource-variable/noto-sans/index.css";
import "@fontsource-variable/noto-sans-jp/index.css";
import "./style.css";
import "./picture.css";
import "./shell.css";
import "./desks.css";
import "./screens.css";
import "htmx.org";

/** Shows the time in the head of the page, UTC first. */
function clocks(): void {
  const shown = document.querySelectorAll<HTMLTimeElement>("time[data-zone]");
  const two = (value: number): string => String(value).padStart(2, "0");
  const tick = (): void => {
    const now = new Date();
    for (const each of shown) {
      const minutes = Number(each.dataset["zone"]);
      const local = new Date(now.getTime() + minutes * 60_000);
      each.textContent = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}`;
    }
  };
  tick();
  window.setInterval(tick, 5_000);
}

/** Forms that act at once when a choice is made; without script their button does it. */
function choices(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-at-once]")) {
    form.addEventListener("change", () => form.requestSubmit());
    form.querySelector("button")?.setAttribute("hidden", "");
  }
}

/** Copies the text of an element that a button names. */
function copies(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("button[data-copy]") : null;
    const text = button && document.getElementById(button.dataset["copy"] ?? "")?.innerText;
    if (button && text) {
      void navigator.clipboard.writeText(text).then(() => button.setAttribute("data-done", ""));
    }
  });
}

/** `/` leads to the search, wherever one is not writing. */
function search(): void {
  const box = document.querySelector<HTMLInputElement>("#search");
  document.addEventListener("keydown", (event) => {
    const writing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    if (box && event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  });
}

clocks();
search();
choices();
copies();

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
