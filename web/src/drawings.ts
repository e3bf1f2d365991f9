// Areas and lines that officers draw: by clicks on the chart or by writing their corners, kept by the node, shown to whom the author lets.
import type { Map as Chart } from "maplibre-gl";

import { calm, element, fill, path, point, say, stillIn, type Words } from "./chart";
import { type LonLat, placed, read } from "./geodesy";
import type { Mode, Modes } from "./tools";

interface Drawing {
  name: string;
  kind: "area" | "line";
  points: [number, number][];
  mine: boolean;
  shared: boolean;
  officer: string;
  rule: string;
}

const LEAST = { area: 3, line: 2 };

export class Drawings {
  private held: Drawing[] = [];
  private points: LonLat[] = [];
  private kind: "area" | "line" = "area";

  constructor(private readonly chart: Chart, private readonly words: Words, private readonly modes: Modes) {}

  start(): void {
    const form = element<HTMLFormElement>("drawing-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.keep(form);
    });
    element<HTMLTextAreaElement>("drawing-points").addEventListener("input", () => this.written());
    element("drawing-kind").addEventListener("change", () => this.begin(element<HTMLSelectElement>("drawing-kind").value as "area" | "line"));
    element("drawing-cancel").addEventListener("click", () => this.modes.set(""));
    document.addEventListener("keydown", (event) => {
      if (!this.drawing || (event.target instanceof Element && event.target.closest("input, textarea, select, button"))) return;
      if (event.key === "Backspace") this.points.pop(), this.spell(), this.show();
      if (event.key === "Enter") element<HTMLInputElement>("drawing-name").focus();
    });
    void fetch("/picture/drawings").then((answer) => this.taken(answer));
  }

  private get drawing(): boolean {
    return this.modes.mode === "area" || this.modes.mode === "line";
  }

  /** Begins or ends drawing as another tool is chosen. */
  mode(mode: Mode): void {
    if (mode === "area" || mode === "line") {
      element<HTMLDetailsElement>("drawing-panel").open = true;
      this.begin(mode);
    } else if (this.points.length || mode === "") {
      this.points = [];
      this.spell();
      this.show();
    }
  }

  private begin(kind: "area" | "line"): void {
    this.kind = kind;
    element<HTMLSelectElement>("drawing-kind").value = kind;
    this.show();
  }

  add(at: LonLat): void {
    this.points.push(at);
    this.spell();
    this.show();
  }

  private spell(): void {
    element<HTMLTextAreaElement>("drawing-points").value = this.points.map(placed).join("\n");
  }

  /** Takes corners that were written, one in a line. */
  private written(): void {
    const lines = element<HTMLTextAreaElement>("drawing-points").value.split("\n").filter((each) => each.trim());
    const found = lines.map(read);
    const wrong = found.some((each) => each === null);
    element("drawing-points").setAttribute("aria-invalid", String(wrong));
    say("drawing-said", wrong ? (this.words["no-place"] ?? "") : "");
    this.points = found.filter((each) => each !== null);
    this.show();
  }

  private async keep(form: HTMLFormElement): Promise<void> {
    if (this.points.length < LEAST[this.kind]) return say("drawing-said", this.words[`least-${this.kind}`] ?? "");
    const sent = new URLSearchParams({
      csrf: this.csrf, name: element<HTMLInputElement>("drawing-name").value, kind: this.kind,
      shared: String(element<HTMLInputElement>("drawing-shared").checked), points: this.points.map(([lon, lat]) => `${lat},${lon}`).join(" "),
    });
    if (!(await this.taken(await fetch("/picture/drawings", { method: "POST", body: sent })))) return;
    form.reset();
    this.points = [];
    this.modes.set("");
  }

  private get csrf(): string {
    return document.querySelector<HTMLInputElement>("#drawing-form input[name=csrf]")?.value ?? "";
  }

  private async taken(answer: Response): Promise<boolean> {
    if (!stillIn(answer)) return false;
    const found = (await answer.json()) as Drawing[] | { sentence: string };
    if (!Array.isArray(found)) {
      say("drawing-said", found.sentence);
      return false;
    }
    say("drawing-said", "");
    this.held = found;
    this.show();
    this.list();
    return true;
  }

  private show(): void {
    const kept = this.held.map((each) => shape(each.kind, each.points.map(([lat, lon]) => [lon, lat]), { name: each.name }));
    const mine = this.points.length ? [shape(this.points.length < LEAST[this.kind] ? "line" : this.kind, this.points), ...this.points.map((each) => point(each, { corner: true }))] : [];
    fill(this.chart, "drawings", [...kept, ...mine]);
  }

  private list(): void {
    element("drawings").replaceChildren(...this.held.map((each) => this.line(each)));
    element("no-drawings").hidden = this.held.length > 0;
  }

  private line(drawing: Drawing): HTMLElement {
    const item = document.createElement("li");
    const title = document.createElement("strong");
    title.textContent = drawing.name;
    const whose = document.createElement("span");
    whose.className = "soft";
    whose.textContent = ` · ${this.words[drawing.kind] ?? ""} · ${whoseOf(drawing, this.words)}`;
    const acts = document.createElement("span");
    acts.className = "acts";
    acts.append(this.act("show", () => this.frame(drawing)));
    if (drawing.rule) {
      const link = Object.assign(document.createElement("a"), { href: drawing.rule, className: "button quiet", textContent: this.words["rule"] ?? "" });
      acts.append(link);
    }
    if (drawing.mine) acts.append(this.act("remove", () => void this.remove(drawing)));
    item.append(title, whose, acts);
    return item;
  }

  private act(word: string, done: () => void): HTMLButtonElement {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: this.words[word] ?? word });
    button.addEventListener("click", done);
    return button;
  }

  private async remove(drawing: Drawing): Promise<void> {
    await this.taken(await fetch("/picture/drawings/remove", { method: "POST", body: new URLSearchParams({ csrf: this.csrf, name: drawing.name }) }));
  }

  private frame(drawing: Drawing): void {
    const [lats, lons] = [drawing.points.map((each) => each[0]), drawing.points.map((each) => each[1])];
    this.chart.fitBounds([[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]], { padding: 80, maxZoom: 10, animate: !calm() });
  }
}

function whoseOf(drawing: Drawing, words: Words): string {
  if (!drawing.officer) return words["settings"] ?? "";
  return drawing.shared ? `${words["shared"] ?? ""} ${drawing.officer}` : (words["mine"] ?? "");
}

function shape(kind: "area" | "line", points: number[][], properties: GeoJSON.GeoJsonProperties = {}): GeoJSON.Feature {
  if (kind === "line") return path(points, properties);
  return { type: "Feature", properties, geometry: { type: "Polygon", coordinates: [[...points, points[0] ?? []]] } };
}
