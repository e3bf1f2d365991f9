// What is measured on the chart: range and bearing between points or vessels, range rings, the cursor's position. All of it works from the list too.
import type { Map as Chart, MapMouseEvent } from "maplibre-gl";

import { element, fill, path, point, say, sentence, type Words } from "./chart";
import { between, coursed, line, type LonLat, placed, read, ring } from "./geodesy";

export type Mode = "" | "measure" | "area" | "line" | "rings";

/** Which tool has the next click; one at a time. */
export class Modes {
  mode: Mode = "";
  changed: (mode: Mode, before: Mode) => void = () => undefined;

  constructor(private readonly chart: Chart) {
    for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-mode]")) {
      button.addEventListener("click", () => this.set(this.mode === button.dataset["mode"] ? "" : (button.dataset["mode"] as Mode)));
    }
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.set(""));
  }

  set(mode: Mode): void {
    const before = this.mode;
    this.mode = mode;
    for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-mode]")) button.setAttribute("aria-pressed", String(button.dataset["mode"] === mode));
    this.chart.getCanvas().style.cursor = mode ? "crosshair" : "";
    element("mode-help").hidden = mode === "";
    element("mode-help").textContent = mode ? (element("mode-help").dataset[mode] ?? "") : "";
    this.changed(mode, before);
  }
}

export class Measure {
  private readonly points: LonLat[] = [];

  constructor(private readonly chart: Chart, private readonly words: Words) {
    element("measure-clear").addEventListener("click", () => this.clear());
    element<HTMLFormElement>("measure-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = element<HTMLInputElement>("measure-place");
      const found = read(field.value);
      field.setAttribute("aria-invalid", String(found === null));
      if (!found) return say("measured", this.words["no-place"] ?? "");
      field.value = "";
      this.add(found);
    });
  }

  clear(): void {
    this.points.length = 0;
    this.show();
  }

  add(at: LonLat): void {
    this.points.push(at);
    this.show();
  }

  private show(): void {
    const features = this.points.map((each) => point(each));
    const legs = this.points.slice(1).map((to, before) => ({ from: this.points[before] as LonLat, to }));
    let sum = 0;
    const texts = legs.map(({ from, to }) => {
      const leg = between(from, to);
      sum += leg.nm;
      const drawn = line(from, to);
      features.push(path(drawn), point(drawn[Math.floor(drawn.length / 2)] ?? to, { text: coursed(leg) }));
      return `${placed(from)} → ${placed(to)}: ${coursed(leg)}`;
    });
    if (legs.length > 1) texts.push(sentence(this.words, "sum", `${sum.toFixed(1)} nm`));
    fill(this.chart, "measure", features);
    say("measured", texts.length ? texts.join("\n") : this.points[0] ? placed(this.points[0]) : "");
    element("measure").hidden = !this.points.length;
  }
}

const RINGS = 4;

export class Rings {
  private at: LonLat | null = null;

  constructor(private readonly chart: Chart) {
    element("ring-step").addEventListener("change", () => this.show());
    element("rings-clear").addEventListener("click", () => this.around(null));
  }

  /** Draws rings around a point, or takes them away. */
  around(at: LonLat | null): void {
    this.at = at;
    element("rings").hidden = at === null;
    if (at) element<HTMLSelectElement>("ring-step").value = String(this.fitting());
    this.show();
  }

  /** The step whose outermost ring fills about half the view. */
  private fitting(): number {
    const view = this.chart.getBounds();
    const half = ((view.getNorth() - view.getSouth()) * 60) / 4 / RINGS;
    return [...element<HTMLSelectElement>("ring-step").options].map((each) => Number(each.value)).reduce((best, each) => (Math.abs(each - half) < Math.abs(best - half) ? each : best));
  }

  private show(): void {
    const [at, step] = [this.at, Number(element<HTMLSelectElement>("ring-step").value)];
    const rings = Array.from({ length: RINGS }, (_, nth) => (nth + 1) * step);
    fill(this.chart, "rings", at ? rings.flatMap((nm) => [path(ring(at, nm)), point(ring(at, nm)[0] ?? at, { text: `${nm} nm` })]) : []);
    if (at) say("rings-at", placed(at));
  }
}

/** Shows where the cursor is, and its range and bearing from the vessel that is chosen. */
export function cursor(chart: Chart, from: () => LonLat | null): void {
  chart.on("mousemove", (event: MapMouseEvent) => {
    const at: LonLat = [event.lngLat.wrap().lng, event.lngLat.lat];
    const origin = from();
    say("cursor", placed(at) + (origin ? ` · ${coursed(between(origin, at))}` : ""));
    element("cursor").hidden = false;
  });
  chart.on("mouseout", () => (element("cursor").hidden = true));
}
