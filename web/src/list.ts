// The list beside the chart: the same filter, made by the node page by page, in the order that is asked for. It is the chart for who cannot see it.
import { element, say, sentence, stillIn, type Words } from "./chart";
import { idOf, type Kind, type Origin, type State, type Unit } from "./vessel";

const AGAIN_MS = 5_000;

/** A vessel as the list shows it. */
export interface Listed {
  mmsi: number;
  simulated: boolean;
  at_ms: number;
  lat: number;
  lon: number;
  speed_kn: number | null;
  course_deg: number | null;
  origin: Origin;
  party: string;
  name: string;
  kind: Kind;
  flag: string;
  state: State;
  alarm: boolean;
  interest: boolean;
  unit: Unit;
}

interface Answer {
  total: number;
  page: number;
  pages: number;
  now_ms: number;
  flags: string[];
  vessels: Listed[];
}

export class List {
  private readonly lines = new Map<number, HTMLElement>();
  private readonly rows = new Map<number, Listed>();
  private page = 0;
  private asking = 0;
  private chosen = 0;

  constructor(private readonly words: Words, private readonly asked: () => URLSearchParams, private readonly choose: (listed: Listed) => void) {}

  start(): void {
    const list = element("contacts");
    list.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("button[data-key]") : null;
      const row = button && this.rows.get(Number(button.dataset["key"]));
      if (row) this.choose(row);
    });
    list.addEventListener("keydown", (event) => this.step(event));
    element("contacts-before").addEventListener("click", () => this.turn(-1));
    element("contacts-next").addEventListener("click", () => this.turn(1));
    for (const id of ["sort", "down"]) element(id).addEventListener("change", () => this.anew());
    window.setInterval(() => void this.ask(), AGAIN_MS);
  }

  /** Begins at the first page again. */
  anew(): void {
    this.page = 0;
    void this.ask();
  }

  mark(id: number): void {
    this.chosen = id;
    for (const [key, item] of this.lines) item.firstElementChild?.setAttribute("aria-pressed", String(key === id));
  }

  private turn(by: number): void {
    this.page = Math.max(0, this.page + by);
    void this.ask().then(() => element("contacts").querySelector("button")?.focus());
  }

  /** Up and down go from line to line, home and end to the first and last. */
  private step(event: KeyboardEvent): void {
    const buttons = [...element("contacts").querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, to))]?.focus();
  }

  /** Asks for the page; an answer that was overtaken by a later question is dropped. */
  async ask(): Promise<void> {
    const mine = ++this.asking;
    const asked = this.asked();
    asked.set("sort", element<HTMLSelectElement>("sort").value);
    asked.set("down", String(element<HTMLInputElement>("down").checked));
    asked.set("page", String(this.page));
    try {
      const answer = await fetch(`/picture/vessels?${asked}`, { headers: { accept: "application/json" } });
      if (!stillIn(answer) || !answer.ok || mine !== this.asking) return;
      const found = (await answer.json()) as Answer;
      if (mine === this.asking) this.show(found);
    } catch {
      return; // the live picture says that there is no connection
    }
  }

  private show(found: Answer): void {
    this.page = found.page;
    this.rows.clear();
    for (const row of found.vessels) this.rows.set(idOf(row.mmsi, row.simulated), row);
    for (const [id, item] of this.lines) {
      if (this.rows.has(id)) continue;
      item.remove();
      this.lines.delete(id);
    }
    const list = element("contacts");
    [...this.rows].forEach(([id, row], place) => {
      const item = this.lines.get(id) ?? this.line(id);
      // a line that stays keeps its element, so that a click or the focus on it is never lost
      if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
      this.fill(item, id, row, found.now_ms);
    });
    element("no-contacts").hidden = found.total > 0;
    element("contacts-pages").hidden = found.pages < 2;
    element<HTMLButtonElement>("contacts-before").disabled = found.page === 0;
    element<HTMLButtonElement>("contacts-next").disabled = found.page + 1 >= found.pages;
    say("listed", sentence(this.words, "page", found.page + 1, found.pages, found.total));
    this.offer(found.flags);
  }

  /** Offers the flags that are in view, and keeps the one that is chosen. */
  private offer(flags: string[]): void {
    const choice = element<HTMLSelectElement>("filter-flag");
    const wanted = ["", ...new Set([...flags, ...(choice.value ? [choice.value] : [])])].sort();
    if (document.activeElement === choice || wanted.join() === [...choice.options].map((each) => each.value).join()) return;
    const chosen = choice.value;
    choice.replaceChildren(...wanted.map((code) => new Option(code || (this.words["all"] ?? ""), code, false, code === chosen)));
  }

  private line(id: number): HTMLElement {
    const [item, button] = [document.createElement("li"), document.createElement("button")];
    button.type = "button";
    button.dataset["key"] = String(id);
    button.append(...["sign", "what", "figures", "under"].map((kind) => Object.assign(document.createElement("span"), { className: kind })));
    item.append(button);
    this.lines.set(id, item);
    return item;
  }

  private fill(item: HTMLElement, id: number, row: Listed, now: number): void {
    const word = (name: string): string => this.words[name] ?? name;
    const speed = row.speed_kn === null ? "–" : `${row.speed_kn.toFixed(1)} kn`;
    const notes = [
      row.alarm ? word("alarm") : "", row.interest ? word("interest") : "", row.unit ? word(`unit-${row.unit}`) : "", word(row.origin), word(row.kind), row.flag,
      sentence(this.words, "minutes", Math.max(0, Math.round((now - row.at_ms) / 60_000))),
    ];
    const texts = [
      row.alarm ? "▲" : row.interest ? "◉" : row.unit ? "▣" : { own: "△", partner: "◁", fused: "◇" }[row.origin],
      `${row.name || row.mmsi}${row.simulated ? ` · ${word("sim")}` : ""}`,
      row.state === "lost" ? word("lost") : speed,
      notes.filter(Boolean).join(" · "),
    ];
    const button = item.firstElementChild as HTMLElement;
    texts.forEach((text, at) => {
      const part = button.children[at] as HTMLElement;
      if (part.textContent !== text) part.textContent = text;
    });
    (button.children[0] as HTMLElement).className = `sign ${row.alarm ? "alarm" : row.origin}`;
    button.setAttribute("aria-pressed", String(this.chosen === id));
  }
}
