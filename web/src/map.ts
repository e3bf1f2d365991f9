// The page of the picture: chart, list and tools put together. What the chart can choose, the list can.
import "maplibre-gl/dist/maplibre-gl.css";

import type { Map as Chart, MapMouseEvent } from "maplibre-gl";

import { calm, element, furnish, makeChart, say, stillIn, type Words } from "./chart";
import { Drawings } from "./drawings";
import { type LonLat, placed } from "./geodesy";
import { List, type Listed } from "./list";
import { Picture } from "./picture";
import { Replay } from "./replay";
import { cursor, Measure, Modes, Rings } from "./tools";
import { idOf, type Vessel } from "./vessel";

interface Chosen {
  id: number;
  name: string;
  at: LonLat;
}

class Page {
  private readonly picture: Picture;
  private readonly list: List;
  private readonly replay: Replay;
  private readonly modes: Modes;
  private readonly measure: Measure;
  private readonly rings: Rings;
  private readonly drawings: Drawings;
  private chosen: Chosen | null = null;

  constructor(place: HTMLElement, words: Words, private readonly chart: Chart) {
    const form = element<HTMLFormElement>("picture-filter");
    this.picture = new Picture(place, words, chart, form);
    this.list = new List(words, () => this.picture.asked(), (row) => this.fromList(row));
    this.replay = new Replay(chart, words);
    this.modes = new Modes(chart);
    this.measure = new Measure(chart, words);
    this.rings = new Rings(chart);
    this.drawings = new Drawings(chart, words, this.modes);
  }

  start(): void {
    this.picture.changed = () => this.list.anew();
    this.picture.first = (vessels) => this.begin(vessels);
    this.modes.changed = (mode, before) => {
      if (before === "measure" && mode !== "measure") this.measure.clear();
      this.drawings.mode(mode);
    };
    this.chart.on("click", (event) => this.click(event));
    this.chart.on("mousemove", "vessels", () => !this.modes.mode && (this.chart.getCanvas().style.cursor = "pointer"));
    this.chart.on("mouseleave", "vessels", () => !this.modes.mode && (this.chart.getCanvas().style.cursor = ""));
    this.chart.on("click", "cells", (event) => !this.modes.mode && this.chart.easeTo({ center: event.lngLat, zoom: this.chart.getZoom() + 2, animate: !calm() }));
    element("contact").addEventListener("click", (event) => this.act(event));
    element("vector-time").addEventListener("change", () => this.picture.show());
    cursor(this.chart, () => this.chosen?.at ?? null);
    this.list.start();
    this.replay.start();
    this.drawings.start();
    this.picture.start();
  }

  /** Begins at the vessel that the address names, else where our own receivers hear: the whole earth shows little. */
  private begin(vessels: Vessel[]): void {
    const asked = new URLSearchParams(location.search);
    const id = Number(asked.get("vessel") ?? 0);
    const named = vessels.find((each) => each.id === id);
    if (named) {
      this.choose({ id, name: named.name || String(named.mmsi), at: [named.lon, named.lat] }, true);
      this.chart.setZoom(Math.max(7, this.chart.getZoom()));
      if (asked.get("track")) void this.replay.add(id, named.name || String(named.mmsi), Number(asked.get("track")));
      return;
    }
    const own = vessels.filter((each) => each.origin !== "partner");
    if (own.length < 2) return;
    const edge = (values: number[], share: number): number => values.sort((a, b) => a - b)[Math.round(share * (values.length - 1))] ?? 0;
    const [lats, lons] = [own.map((each) => each.lat), own.map((each) => each.lon)];
    this.chart.fitBounds([[edge(lons, 0.02), edge(lats, 0.02)], [edge(lons, 0.98), edge(lats, 0.98)]], { padding: 60, maxZoom: 8, animate: false });
  }

  private click(event: MapMouseEvent): void {
    const at: LonLat = [event.lngLat.wrap().lng, event.lngLat.lat];
    const vessel = this.under(event);
    const place: LonLat = vessel ? [vessel.lon, vessel.lat] : at;
    if (this.modes.mode === "measure") this.measure.add(place);
    else if (this.modes.mode === "rings") this.rings.around(place), this.modes.set("");
    else if (this.modes.mode) this.drawings.add(at);
    else if (vessel) this.choose({ id: vessel.id, name: vessel.name || String(vessel.mmsi), at: place }, false);
  }

  private under({ point: { x, y } }: MapMouseEvent): Vessel | undefined {
    const found = this.chart.queryRenderedFeatures([[x - 8, y - 8], [x + 8, y + 8]], { layers: ["vessels"] });
    return this.picture.vessels.get(Number(found[0]?.properties["id"] ?? -1));
  }

  private fromList(row: Listed): void {
    const chosen: Chosen = { id: idOf(row.mmsi, row.simulated), name: row.name || String(row.mmsi), at: [row.lon, row.lat] };
    if (this.modes.mode === "measure") this.measure.add(chosen.at);
    else this.choose(chosen, true);
  }

  /** Shows what is known of a vessel beside the map. */
  private choose(chosen: Chosen, move: boolean): void {
    this.chosen = chosen;
    this.list.mark(chosen.id);
    this.picture.choose(chosen.id);
    if (move) this.centre(chosen.at);
    else this.picture.later();
    const exercise = this.picture.asked().get("exercise");
    const asked = new URLSearchParams({ mmsi: String(Math.floor(chosen.id / 2)), simulated: String(chosen.id % 2 === 1), ...(exercise ? { exercise } : {}) });
    void fetch(`/picture/contact?${asked}`).then(async (answer) => {
      if (!stillIn(answer) || !answer.ok) return;
      element("contact").innerHTML = await answer.text();
      if (move) element("contact").scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
    });
  }

  private centre(at: LonLat): void {
    this.chart.easeTo({ center: at, animate: !calm() });
  }

  /** What can be done with the vessel that is chosen: the buttons of its card. */
  private act(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("button[data-act]") : null;
    const chosen = this.chosen;
    if (!button || !chosen) return;
    const at: LonLat = this.picture.chosen ? [this.picture.chosen.lon, this.picture.chosen.lat] : chosen.at;
    const acts: Record<string, () => void> = {
      centre: () => this.centre(at),
      rings: () => this.rings.around(at),
      measure: () => (this.modes.set("measure"), this.measure.add(at)),
      track: () => void this.replay.add(chosen.id, chosen.name, Number(element<HTMLSelectElement>("track-hours").value)),
      close: () => {
        this.chosen = null;
        this.list.mark(0);
        this.picture.choose(0);
        element("contact").replaceChildren();
      },
    };
    acts[button.dataset["act"] ?? ""]?.();
    say("acted", `${button.textContent ?? ""}: ${chosen.name} · ${placed(at)}`);
  }
}

const place = document.getElementById("map");
if (place) {
  const words = JSON.parse(place.dataset["words"] ?? "{}") as Words;
  const chart = makeChart(place, words);
  chart.on("load", () => {
    void furnish(chart, place);
    new Page(place, words, chart).start();
  });
}
