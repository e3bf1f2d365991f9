// The live picture: follows what the node sends of the view and draws it. The node decides what is shown and says how many there are.
import type { Map as Chart } from "maplibre-gl";

import { fill, path, point, say, sentence, stillIn, type Words } from "./chart";
import { ahead } from "./geodesy";
import type { UnitLook } from "./military";
import { colour, IMAGE, nameOf } from "./symbols";
import { FIXED, pointing, stateOf, strength, type Vessel } from "./vessel";
import { type Cell, corner, type Frame, frames } from "./wire";

/** With more vessels than this only those that stand out bear their names: more cannot be read, and placing them costs most of a frame. */
const MOST_NAMED = 300;
const SETTLE_MS = 250;
const REDRAW_MS = 400;
const AGAIN_MS = 1_500;
const SILENT_MS = 8_000;

export class Picture {
  readonly vessels = new Map<number, Vessel>();
  private chosenId = 0;
  /** Called when a view, a filter or a choice has changed, and when the first vessels have come. */
  changed: () => void = () => undefined;
  first: (vessels: Vessel[]) => void = () => undefined;
  private readonly names = new Map<number, string>();
  private cells: { cells: Cell[]; bits: number } = { cells: [], bits: 0 };
  private skew_ms = 0;
  private heard_ms = 0;
  private stale = true;
  private waiting = 0;
  private following: AbortController | null = null;
  private military: typeof import("./military") | null = null;
  private begun = false;

  constructor(private readonly place: HTMLElement, private readonly words: Words, private readonly chart: Chart, private readonly form: HTMLFormElement) {}

  /** The node's clock. */
  get now(): number {
    return Date.now() - this.skew_ms;
  }

  start(): void {
    this.chart.on("moveend", () => this.later());
    this.form.addEventListener("input", () => this.later());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.later();
    });
    this.follow();
    window.setInterval(() => this.stale && this.show(), REDRAW_MS);
    window.setInterval(() => Date.now() - this.heard_ms > SILENT_MS && this.lively(false), 1_000);
  }

  /** What is looked at, as the node is asked for it: edges, zoom, filter, and the vessel that is chosen. */
  asked(): URLSearchParams {
    const view = this.chart.getBounds();
    const whole = view.getEast() - view.getWest() >= 360;
    const turn = (lon: number): number => ((((lon + 180) % 360) + 360) % 360) - 180;
    const asked = new URLSearchParams({
      south: String(Math.max(-90, view.getSouth())), north: String(Math.min(90, view.getNorth())),
      west: String(whole ? -180 : turn(view.getWest())), east: String(whole ? 180 : turn(view.getEast())), zoom: String(this.chart.getZoom()),
    });
    for (const [name, value] of new FormData(this.form)) if (typeof value === "string" && value) asked.set(name, value);
    if (this.chosenId) asked.set("selected", String(this.chosenId));
    return asked;
  }

  later(): void {
    window.clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => this.follow(), SETTLE_MS);
    this.stale = true;
  }

  /** The vessel that is chosen, as far as it is in view. */
  get chosen(): Vessel | null {
    return this.vessels.get(this.chosenId) ?? null;
  }

  choose(id: number): void {
    this.chosenId = id;
    this.show();
  }

  /** Follows the view as it is now; what was followed before is let go. */
  private follow(): void {
    window.clearTimeout(this.waiting);
    this.following?.abort();
    const mine = (this.following = new AbortController());
    this.changed();
    void this.read(mine).catch(() => undefined).then(() => {
      if (this.following !== mine) return;
      this.lively(false);
      this.waiting = window.setTimeout(() => this.follow(), AGAIN_MS);
    });
  }

  private async read(mine: AbortController): Promise<void> {
    const asked = this.asked();
    asked.set("bears", document.body.dataset["bears"] ?? ""); // the list of events stays as it was, and so does its marking
    const answer = await fetch(`/picture/stream?${asked}`, { signal: mine.signal });
    if (!stillIn(answer)) return;
    if (answer.status === 400) say("wrong", this.words["wrong"] ?? "");
    if (!answer.ok || !answer.body) throw new Error(String(answer.status));
    say("wrong", "");
    for await (const frame of frames(answer.body)) {
      if (this.following !== mine) return;
      this.take(frame);
    }
  }

  private take({ head, vessels, cells }: Frame): void {
    this.skew_ms = Date.now() - head.now_ms;
    this.heard_ms = Date.now();
    this.lively(true);
    if (head.shown === undefined || head.total === undefined) return;
    if (head.all) {
      this.vessels.clear();
      this.cells = { cells, bits: head.bits ?? 0 };
    }
    for (const each of vessels) {
      if (each.name) this.names.set(each.id, each.name);
      else each.name = this.names.get(each.id) ?? "";
      this.vessels.set(each.id, each);
    }
    say("count", sentence(this.words, head.wide ? "counted" : "count", head.shown, head.total));
    if (head.marked) for (const banner of document.querySelectorAll(".marking")) if (banner.textContent !== head.marked) banner.textContent = head.marked;
    this.stale = true;
    if (head.all && !this.begun) {
      this.begun = true;
      this.show();
      this.first(vessels);
    }
  }

  private lively(yes: boolean): void {
    const chip = document.getElementById("live");
    chip?.classList.toggle("live", yes);
    chip?.classList.toggle("stale", !yes);
    say("live", this.words[yes ? "live" : "stale"] ?? "");
  }

  /** The course vector's time: what was chosen, else long enough to see at this zoom. */
  private minutes(): number {
    const chosen = Number((document.getElementById("vector-time") as HTMLSelectElement | null)?.value ?? 0);
    const steps = [120, 60, 60, 30, 15, 12, 6];
    return chosen || (steps[Math.max(0, Math.min(steps.length - 1, Math.floor(this.chart.getZoom() - 2.5)))] ?? 6);
  }

  show(): void {
    this.stale = false;
    const [now, minutes] = [this.now, this.minutes()];
    const [points, courses]: [GeoJSON.Feature[], GeoJSON.Feature[]] = [[], []];
    for (const vessel of this.vessels.values()) {
      points.push(this.symbol(vessel, now));
      if (minutes > 0 && stateOf(vessel, now) === "active" && vessel.course_deg !== null && vessel.speed_kn !== null) {
        const to = ahead(vessel.lat, vessel.lon, vessel.course_deg, (vessel.speed_kn * minutes) / 60);
        courses.push(path([[vessel.lon, vessel.lat], to], { ink: colour(vessel.alarm ? "alarm" : vessel.origin), strength: strength(vessel, now) }));
      }
    }
    fill(this.chart, "vessels", points);
    fill(this.chart, "courses", courses);
    fill(this.chart, "cells", this.cells.cells.map((cell) => square(cell, this.cells.bits)));
    const chosen = this.chosen;
    fill(this.chart, "chosen", chosen ? [point([chosen.lon, chosen.lat])] : []);
    say("vector", minutes > 0 ? sentence(this.words, "vector", minutes) : (this.words["no-vector"] ?? ""));
    this.place.dataset["drawn"] = String(points.length);
    this.place.dataset["cells"] = String(this.cells.cells.length);
  }

  private symbol(vessel: Vessel, now: number): GeoJSON.Feature {
    const [state, turn] = [stateOf(vessel, now), FIXED.has(vessel.kind) ? 0 : pointing(vessel)];
    const rank = vessel.alarm ? 5 : vessel.interest ? 4 : vessel.unit ? 3 : state === "active" ? 2 : 1;
    const unit = vessel.unit && this.unitIcon(vessel.unit, vessel, state === "lost");
    const icon = unit || nameOf({
      origin: vessel.origin, state, kind: vessel.kind, simulated: vessel.simulated, headed: turn !== null, alarm: vessel.alarm, interest: vessel.interest,
      turn: state === "active" ? vessel.turn : 0, virtual: vessel.kind === "aid" && Math.floor(vessel.mmsi / 1000) % 10 === 6,
    });
    const properties = { id: vessel.id, icon, turn: unit ? 0 : (turn ?? 0), strength: vessel.alarm ? 1 : strength(vessel, now), rank, name: rank > 2 || this.vessels.size <= MOST_NAMED ? vessel.name : "" };
    return point([vessel.lon, vessel.lat], properties);
  }

  /** The name of a unit's symbol, once what draws it has been loaded: few pages need it. */
  private unitIcon(unit: "own" | "partner", vessel: Vessel, lost: boolean): string {
    if (!this.military) {
      void import("./military").then((loaded) => ((this.military = loaded), (this.stale = true)));
      return "";
    }
    const context = this.asked().has("exercise") ? 1 : vessel.simulated ? 2 : 0;
    const look: UnitLook = { unit, context, alarm: vessel.alarm, lost };
    const name = this.military.unitName(look);
    if (!this.chart.hasImage(name)) this.chart.addImage(name, this.military.drawUnit(look), IMAGE);
    return name;
  }
}

function square(cell: Cell, bits: number): GeoJSON.Feature {
  const [west, north] = corner(cell.x, cell.y, bits);
  const [east, south] = corner(cell.x + 1, cell.y + 1, bits);
  const properties = { count: cell.count, text: cell.count.toLocaleString(document.documentElement.lang) };
  return { type: "Feature", properties, geometry: { type: "Polygon", coordinates: [[[west, north], [east, north], [east, south], [west, south], [west, north]]] } };
}
