// The picture: vessels on a chart, the list beside it, filters that both share, and what changes as it changes.
//
// The node decides what is shown and says how many there are; nothing here asks for more than the page may have. The list is the map for who cannot
// see the map: whatever the map can choose, the list can.
import "maplibre-gl/dist/maplibre-gl.css";

import { AttributionControl, type GeoJSONSource, type MapMouseEvent, Map as Chart, NavigationControl, ScaleControl, setWorkerUrl } from "maplibre-gl";
// Without its worker MapLibre stays blank and says nothing.
import worker from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";

import { LAND_URL, styleOf } from "./base";
import { colour, draw, IMAGE, lookOf, nameOf, SIZE } from "./symbols";
import { ahead, type Filter, key, passes, pointing, stateOf, strength, type Vessel } from "./vessel";

setWorkerUrl(worker);

interface Answer {
  shown: number;
  total: number;
  now_ms: number;
  vessels: Vessel[];
}

const AGAIN_MS = 20_000;
const SETTLE_MS = 250;
const REDRAW_MS = 1_000;
const MOST_LISTED = 200;
const RANKS = { alarm: 3, own: 2, fused: 1, partner: 1 };

class Picture {
  private readonly vessels = new Map<string, Vessel>();
  private readonly lines = new Map<string, HTMLElement>();
  private chosen: Vessel | null = null;
  private skew_ms = 0;
  private stale = true;
  private asking = 0;
  private framed = false;
  private waiting = 0;

  constructor(private readonly place: HTMLElement, private readonly words: Record<string, string>, private readonly chart: Chart) {}

  get now(): number {
    return Date.now() - this.skew_ms;
  }

  start(): void {
    this.chart.on("moveend", () => this.later());
    this.chart.on("click", (event) => this.pick(event));
    this.chart.on("mousemove", "vessels", () => (this.chart.getCanvas().style.cursor = "pointer"));
    this.chart.on("mouseleave", "vessels", () => (this.chart.getCanvas().style.cursor = ""));
    const form = this.form();
    form.addEventListener("input", () => this.later());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.later();
    });
    this.list().addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("button[data-key]") : null;
      const vessel = button && this.vessels.get(button.dataset["key"] ?? "");
      if (vessel) this.choose(vessel, true);
    });
    this.listen();
    void this.ask();
    window.setInterval(() => void this.ask(), AGAIN_MS);
    window.setInterval(() => this.stale && this.show(), REDRAW_MS);
  }

  private form(): HTMLFormElement {
    return document.getElementById("picture-filter") as HTMLFormElement;
  }

  private list(): HTMLElement {
    return document.getElementById("contacts") as HTMLElement;
  }

  private filter(): Filter {
    const given = new FormData(this.form());
    const text = (name: string): string => String(given.get(name) ?? "");
    return { text: text("text"), origin: text("origin"), kind: text("kind"), state: text("state") };
  }

  private later(): void {
    window.clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => void this.ask(), SETTLE_MS);
  }

  /** Asks for what is in view; an answer that was overtaken by a later question is dropped. */
  private async ask(): Promise<void> {
    const mine = ++this.asking;
    const view = this.chart.getBounds();
    const whole = view.getEast() - view.getWest() >= 360;
    const turn = (lon: number): number => ((((lon + 180) % 360) + 360) % 360) - 180;
    const asked = new URLSearchParams({
      south: String(Math.max(-90, view.getSouth())), north: String(Math.min(90, view.getNorth())),
      west: String(whole ? -180 : turn(view.getWest())), east: String(whole ? 180 : turn(view.getEast())), ...this.filter(),
    });
    try {
      const answer = await fetch(`/picture/vessels?${asked}`, { headers: { accept: "application/json" } });
      if (answer.redirected || answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const found = (await answer.json()) as Answer;
      if (mine !== this.asking) return;
      this.skew_ms = Date.now() - found.now_ms;
      this.vessels.clear();
      for (const each of found.vessels) this.vessels.set(key(each), each);
      this.say("count", this.word("count", found.shown, found.total));
      if (!this.framed) this.frame(found.vessels);
      this.show();
    } catch {
      this.lively(false);
    }
  }

  /** Begins where our own receivers hear: the whole earth shows little. */
  private frame(vessels: Vessel[]): void {
    const own = vessels.filter((each) => each.origin !== "partner" && each.lat !== null && each.lon !== null);
    this.framed = true;
    if (own.length < 2) return;
    const [lats, lons] = [own.map((each) => each.lat ?? 0).sort((a, b) => a - b), own.map((each) => each.lon ?? 0).sort((a, b) => a - b)];
    const edge = (sorted: number[], share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
    this.chart.fitBounds([[edge(lons, 0.02), edge(lats, 0.02)], [edge(lons, 0.98), edge(lats, 0.98)]], { padding: 60, maxZoom: 8, animate: false });
  }

  private listen(): void {
    const stream = new EventSource("/picture/stream");
    stream.addEventListener("vessels", (event) => {
      const filter = this.filter();
      const view = this.chart.getBounds();
      for (const each of (JSON.parse((event as MessageEvent<string>).data) as { vessels: Vessel[] }).vessels) {
        const inView = each.lat !== null && each.lon !== null && view.contains([each.lon, each.lat]);
        if (this.vessels.has(key(each)) ? passes(each, filter, this.now) : inView && passes(each, filter, this.now)) this.vessels.set(key(each), each);
        if (this.chosen && key(this.chosen) === key(each)) this.chosen = each;
      }
      this.stale = true;
    });
    stream.addEventListener("picture", () => this.lively(true));
    stream.addEventListener("error", () => this.lively(false));
  }

  private lively(yes: boolean): void {
    const chip = document.getElementById("live");
    chip?.classList.toggle("live", yes);
    chip?.classList.toggle("stale", !yes);
    if (chip) chip.textContent = this.word(yes ? "live" : "stale");
  }

  private word(name: string, ...values: (number | string)[]): string {
    const shown = values.map((value) => (typeof value === "number" ? value.toLocaleString(document.documentElement.lang) : value));
    return (this.words[name] ?? name).replace(/\{(\d)\}/g, (_, index: string) => shown[Number(index)] ?? "");
  }

  private say(id: string, text: string): void {
    const found = document.getElementById(id);
    if (found && found.textContent !== text) found.textContent = text;
  }

  /** Draws map and list from what is known. */
  private show(): void {
    this.stale = false;
    const now = this.now;
    const minutes = vectorMinutes(this.chart.getZoom());
    const [points, courses]: [GeoJSON.Feature[], GeoJSON.Feature[]] = [[], []];
    const listed: Vessel[] = [];
    for (const vessel of this.vessels.values()) {
      listed.push(vessel);
      if (vessel.lat === null || vessel.lon === null) continue;
      points.push(symbolOf(vessel, now));
      if (stateOf(vessel, now) === "active" && vessel.course_deg !== null && vessel.speed_kn !== null) {
        const to = ahead(vessel.lat, vessel.lon, vessel.course_deg, (vessel.speed_kn * minutes) / 60);
        const ink = colour(vessel.alarm ? "alarm" : vessel.origin);
        courses.push({ type: "Feature", properties: { ink, strength: strength(vessel, now) }, geometry: { type: "LineString", coordinates: [[vessel.lon, vessel.lat], to] } });
      }
    }
    this.fill("vessels", points);
    this.fill("courses", courses);
    const at = this.chosen;
    this.fill("chosen", at && at.lat !== null && at.lon !== null ? [{ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: [at.lon, at.lat] } }] : []);
    this.say("vector", this.word("vector", minutes));
    this.tell(listed.sort(byRank), now);
    this.place.dataset["drawn"] = String(points.length);
  }

  private fill(source: string, features: GeoJSON.Feature[]): void {
    (this.chart.getSource(source) as GeoJSONSource).setData({ type: "FeatureCollection", features });
  }

  /** Brings the list up to date in place: a line that stays keeps its element, so that a click or the focus on it is never lost. */
  private tell(vessels: Vessel[], now: number): void {
    const list = this.list();
    const listed = vessels.slice(0, MOST_LISTED);
    const wanted = new Set(listed.map(key));
    for (const [name, item] of this.lines) {
      if (!wanted.has(name)) {
        item.remove();
        this.lines.delete(name);
      }
    }
    listed.forEach((vessel, place) => {
      const item = this.lines.get(key(vessel)) ?? this.line(vessel);
      if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
      this.fillLine(item, vessel, now);
    });
    const none = document.getElementById("no-contacts");
    if (none) none.hidden = vessels.length > 0;
    this.say("listed", vessels.length > MOST_LISTED ? this.word("listed", MOST_LISTED, vessels.length) : "");
  }

  private line(vessel: Vessel): HTMLElement {
    const [item, button] = [document.createElement("li"), document.createElement("button")];
    button.type = "button";
    button.dataset["key"] = key(vessel);
    button.append(...["sign", "what", "figures", "unseen"].map((kind) => Object.assign(document.createElement("span"), { className: kind })));
    item.append(button);
    this.lines.set(key(vessel), item);
    return item;
  }

  private fillLine(item: HTMLElement, vessel: Vessel, now: number): void {
    const speed = vessel.speed_kn === null ? "–" : `${vessel.speed_kn.toFixed(1)} kn`;
    const texts = [
      vessel.alarm ? "▲" : { own: "△", partner: "◁", fused: "◇" }[vessel.origin],
      `${vessel.name || vessel.mmsi}${vessel.simulated ? ` · ${this.word("sim")}` : ""}`,
      stateOf(vessel, now) === "lost" ? this.word("lost") : speed,
      `${vessel.alarm ? `${this.word("alarm")}, ` : ""}${this.word(vessel.origin)}`,
    ];
    const button = item.firstElementChild as HTMLElement;
    texts.forEach((text, at) => {
      const part = button.children[at] as HTMLElement;
      if (part.textContent !== text) part.textContent = text;
    });
    (button.children[0] as HTMLElement).className = `sign ${vessel.alarm ? "alarm" : vessel.origin}`;
    button.setAttribute("aria-pressed", String(this.chosen !== null && key(this.chosen) === key(vessel)));
  }

  private pick(event: MapMouseEvent): void {
    const { x, y } = event.point;
    const found = this.chart.queryRenderedFeatures([[x - 8, y - 8], [x + 8, y + 8]], { layers: ["vessels"] });
    const vessel = this.vessels.get(String(found[0]?.properties["key"] ?? ""));
    if (vessel) this.choose(vessel, false);
  }

  /** Shows what is known of a vessel beside the map. */
  private choose(vessel: Vessel, move: boolean): void {
    this.chosen = vessel;
    if (move && vessel.lat !== null && vessel.lon !== null) this.chart.easeTo({ center: [vessel.lon, vessel.lat], animate: !matchMedia("(prefers-reduced-motion: reduce)").matches });
    this.show();
    void fetch(`/picture/contact?mmsi=${vessel.mmsi}&simulated=${vessel.simulated}`).then(async (answer) => {
      const panel = document.getElementById("contact");
      if (answer.ok && panel) panel.innerHTML = await answer.text();
    });
  }
}

/** The course vector's length in minutes: long enough to see at this zoom. */
function vectorMinutes(zoom: number): number {
  const steps = [120, 60, 60, 30, 15, 12, 6];
  return steps[Math.max(0, Math.min(steps.length - 1, Math.floor(zoom - 2.5)))] ?? 6;
}

function byRank(one: Vessel, other: Vessel): number {
  const rank = (vessel: Vessel): number => (vessel.alarm ? RANKS.alarm : RANKS[vessel.origin]);
  return rank(other) - rank(one) || one.name.localeCompare(other.name) || one.mmsi - other.mmsi;
}

function symbolOf(vessel: Vessel, now: number): GeoJSON.Feature {
  const turn = pointing(vessel);
  const state = stateOf(vessel, now);
  const icon = nameOf({ origin: vessel.origin, state, kind: vessel.kind, simulated: vessel.simulated, headed: turn !== null, alarm: vessel.alarm });
  return {
    type: "Feature",
    properties: { key: key(vessel), icon, turn: turn ?? 0, strength: vessel.alarm ? 1 : strength(vessel, now), rank: vessel.alarm ? 3 : state === "active" ? 2 : 1, name: vessel.name },
    geometry: { type: "Point", coordinates: [vessel.lon ?? 0, vessel.lat ?? 0] },
  };
}

/** The four corner brackets of a selected target. */
function brackets(): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE * 2;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("the browser gives no canvas to draw on");
  pen.scale(2, 2);
  pen.strokeStyle = colour("text");
  pen.lineWidth = 2;
  for (const [x, y] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) {
    const [at, up] = [2 + x * (SIZE - 4), 2 + y * (SIZE - 4)];
    pen.beginPath();
    pen.moveTo(at + (x ? -8 : 8), up);
    pen.lineTo(at, up);
    pen.lineTo(at, up + (y ? -8 : 8));
    pen.stroke();
  }
  return pen.getImageData(0, 0, SIZE * 2, SIZE * 2);
}

function load(place: HTMLElement): void {
  const words = JSON.parse(place.dataset["words"] ?? "{}") as Record<string, string>;
  const [west, south, east, north] = (place.dataset["view"] ?? "60,-5,145,40").split(",").map(Number) as [number, number, number, number];
  const chart = new Chart({
    container: place, style: styleOf(document.documentElement.lang), bounds: [west, south, east, north], attributionControl: false, dragRotate: false,
    pitchWithRotate: false, touchPitch: false, maxZoom: 14, minZoom: 1, renderWorldCopies: true,
    locale: { "Map.Title": words["map"] ?? "", "NavigationControl.ZoomIn": words["in"] ?? "", "NavigationControl.ZoomOut": words["out"] ?? "" },
    canvasContextAttributes: { preserveDrawingBuffer: place.dataset["still"] === "true" },
  });
  chart.addControl(new NavigationControl({ showCompass: false }), "top-right");
  chart.addControl(new ScaleControl({ unit: "nautical", maxWidth: 140 }), "bottom-left");
  chart.addControl(new AttributionControl({ compact: false, customAttribution: "Natural Earth" }), "bottom-right");
  chart.setMissingStyleImageResolver((id) => {
    const look = lookOf(id);
    if (look && !chart.hasImage(id)) chart.addImage(id, draw(look), IMAGE);
  });
  chart.on("load", () => {
    chart.addImage("chosen", brackets(), IMAGE);
    void fetch(LAND_URL).then(async (answer) => {
      const atlas = (await answer.json()) as Topology<{ land: GeometryCollection }>;
      (chart.getSource("land") as GeoJSONSource).setData(feature(atlas, atlas.objects.land));
      place.dataset["ready"] = "true";
    });
    new Picture(place, words, chart).start();
  });
}

const place = document.getElementById("map");
if (place) load(place);
