// The map that everything is drawn on, and the few words that every part of the page needs: how to fill a layer, say a word, ask the node.
import { AttributionControl, type GeoJSONSource, Map as Chart, NavigationControl, ScaleControl, setWorkerUrl } from "maplibre-gl";
// Without its worker MapLibre stays blank and says nothing.
import worker from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";

import { type Drawn, LAND_URL, styleOf } from "./base";
import { brackets, disc, draw, IMAGE, lookOf } from "./symbols";

setWorkerUrl(worker);

export type Words = Record<string, string>;

export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

export function say(id: string, text: string): void {
  const found = document.getElementById(id);
  if (found && found.textContent !== text) found.textContent = text;
}

/** A sentence of the page's language with its numbers put in. */
export function sentence(words: Words, name: string, ...values: (number | string)[]): string {
  const shown = values.map((value) => (typeof value === "number" ? value.toLocaleString(document.documentElement.lang) : value));
  return (words[name] ?? name).replace(/\{(\d)\}/g, (_, index: string) => shown[Number(index)] ?? "");
}

export function fill(chart: Chart, layer: Drawn, features: GeoJSON.Feature[]): void {
  (chart.getSource(layer) as GeoJSONSource).setData({ type: "FeatureCollection", features });
}

export function point(coordinates: number[], properties: GeoJSON.GeoJsonProperties = {}): GeoJSON.Feature {
  return { type: "Feature", properties, geometry: { type: "Point", coordinates } };
}

export function path(coordinates: number[][], properties: GeoJSON.GeoJsonProperties = {}): GeoJSON.Feature {
  return { type: "Feature", properties, geometry: { type: "LineString", coordinates } };
}

/** Who is signed out is led to the sign-in page, from wherever the answer came. */
export function stillIn(answer: Response): boolean {
  if (answer.redirected || answer.status === 401) {
    location.reload();
    return false;
  }
  return true;
}

export function calm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export function makeChart(place: HTMLElement, words: Words): Chart {
  const [west, south, east, north] = (place.dataset["view"] ?? "60,-5,145,40").split(",").map(Number) as [number, number, number, number];
  const chart = new Chart({
    container: place, style: styleOf(document.documentElement.lang), bounds: [west, south, east, north], attributionControl: false, dragRotate: false,
    pitchWithRotate: false, touchPitch: false, maxZoom: 15, minZoom: 1, renderWorldCopies: true, doubleClickZoom: false,
    locale: { "Map.Title": words["map"] ?? "", "NavigationControl.ZoomIn": words["in"] ?? "", "NavigationControl.ZoomOut": words["out"] ?? "" },
  });
  chart.addControl(new NavigationControl({ showCompass: false }), "top-right");
  chart.addControl(new ScaleControl({ unit: "nautical", maxWidth: 140 }), "bottom-left");
  chart.addControl(new AttributionControl({ compact: false, customAttribution: "Natural Earth" }), "bottom-right");
  chart.setMissingStyleImageResolver((id) => {
    const look = lookOf(id);
    if (look && !chart.hasImage(id)) chart.addImage(id, draw(look), IMAGE);
  });
  return chart;
}

/** Puts land, borders and the fixed images on a chart whose style has been loaded. */
export async function furnish(chart: Chart, place: HTMLElement): Promise<void> {
  chart.addImage("chosen", brackets(), IMAGE);
  chart.addImage("ghost", disc(true), IMAGE);
  chart.addImage("ghost-unheard", disc(false), IMAGE);
  const atlas = (await (await fetch(LAND_URL)).json()) as Topology<{ land: GeometryCollection }>;
  (chart.getSource("land") as GeoJSONSource).setData(feature(atlas, atlas.objects.land));
  if (place.dataset["bordered"] === "true") {
    const answer = await fetch("/picture/boundary");
    if (answer.ok) (chart.getSource("border") as GeoJSONSource).setData((await answer.json()) as GeoJSON.FeatureCollection);
  }
  place.dataset["ready"] = "true";
}
