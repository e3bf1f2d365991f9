// The layers of the chart: land and coast from Natural Earth, a graticule, names of seas, and what the picture puts on them. No land borders but those
// that the node was given a file of: where they run is not ours to draw.
import type { FontFacesSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import land from "world-atlas/land-50m.json?url";

import { colour } from "./symbols";
import seas from "./seas.json";

export const LAND_URL = land;
/** What is filled as the picture changes. */
export const DRAWN = ["border", "cells", "drawings", "rings", "tracks", "courses", "vessels", "chosen", "measure", "ghosts"] as const;
export type Drawn = (typeof DRAWN)[number];

const NONE: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** The page's own font files, so that labels need none from elsewhere. */
function fontFaces(): FontFacesSpecification {
  const faces: { url: string; "unicode-range"?: string[] }[] = [];
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof CSSFontFaceRule)) continue;
      const url = /url\("?([^")]+)"?\)/.exec(rule.style.getPropertyValue("src"))?.[1];
      const range = rule.style.getPropertyValue("unicode-range");
      if (url) faces.push({ url: new URL(url, sheet.href ?? location.href).href, ...(range ? { "unicode-range": range.split(/,\s*/) } : {}) });
    }
  }
  return { chart: faces };
}

function graticule(): GeoJSON.Feature {
  const lines: number[][][] = [];
  for (let lon = -180; lon <= 180; lon += 10) lines.push([[lon, -80], [lon, 80]]);
  for (let lat = -80; lat <= 80; lat += 10) lines.push([[-180, lat], [180, lat]]);
  return { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: lines } };
}

function names(language: string): GeoJSON.FeatureCollection {
  const features = seas.map((sea) => ({
    type: "Feature" as const,
    properties: { name: (sea as Record<string, unknown>)[language] ?? sea.en, rank: sea.rank },
    geometry: { type: "Point" as const, coordinates: [sea.lon, sea.lat] },
  }));
  return { type: "FeatureCollection", features };
}

export function styleOf(language: string): StyleSpecification {
  return {
    version: 8,
    "font-faces": fontFaces(),
    sources: {
      land: { type: "geojson", data: NONE },
      grid: { type: "geojson", data: graticule() },
      seas: { type: "geojson", data: names(language) },
      ...Object.fromEntries(DRAWN.map((name) => [name, { type: "geojson" as const, data: NONE }])),
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colour("sea") } },
      { id: "grid", type: "line", source: "grid", paint: { "line-color": colour("grid"), "line-width": 0.8 } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": colour("land") } },
      { id: "coast", type: "line", source: "land", paint: { "line-color": colour("coast"), "line-width": 0.9 } },
      {
        id: "seas", type: "symbol", source: "seas", filter: ["<=", ["get", "rank"], ["+", 1, ["zoom"]]],
        layout: { "text-field": ["get", "name"], "text-font": ["chart"], "text-size": 14, "text-max-width": 8 },
        paint: { "text-color": colour("sea-text"), "text-halo-color": colour("halo"), "text-halo-width": 1.2 },
      },
      ...layers(),
    ],
  };
}

function layers(): LayerSpecification[] {
  const note = { "text-font": ["chart"], "text-size": 12 };
  const ink = { "text-color": colour("text"), "text-halo-color": colour("halo"), "text-halo-width": 1.2 };
  return [
    { id: "border", type: "line", source: "border", paint: { "line-color": colour("coast"), "line-width": 1.2, "line-dasharray": [6, 2, 1, 2] } },
    {
      id: "cells", type: "fill", source: "cells",
      paint: { "fill-color": colour("density"), "fill-antialias": false, "fill-opacity": ["interpolate", ["linear"], ["ln", ["get", "count"]], 0, 0.22, 3, 0.5, 6, 0.85] },
    },
    {
      id: "cell-counts", type: "symbol", source: "cells", filter: [">=", ["get", "count"], 20],
      layout: { ...note, "text-field": ["get", "text"], "text-size": 11, "symbol-sort-key": ["-", 0, ["get", "count"]] }, paint: ink,
    },
    { id: "areas", type: "fill", source: "drawings", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": colour("link"), "fill-opacity": 0.1 } },
    { id: "area-lines", type: "line", source: "drawings", paint: { "line-color": colour("link"), "line-width": 1.8 } },
    { id: "area-points", type: "circle", source: "drawings", filter: ["==", ["get", "corner"], true], paint: { "circle-radius": 4, "circle-color": colour("link"), "circle-stroke-color": colour("halo"), "circle-stroke-width": 1.5 } },
    { id: "area-names", type: "symbol", source: "drawings", filter: ["has", "name"], layout: { ...note, "text-field": ["get", "name"], "symbol-placement": "point" }, paint: ink },
    { id: "rings", type: "line", source: "rings", paint: { "line-color": colour("soft"), "line-width": 1 } },
    { id: "ring-notes", type: "symbol", source: "rings", filter: ["==", ["geometry-type"], "Point"], layout: { ...note, "text-field": ["get", "text"], "text-size": 11 }, paint: ink },
    { id: "tracks", type: "line", source: "tracks", filter: ["==", ["get", "gap"], false], paint: { "line-color": ["get", "ink"], "line-width": 2 } },
    { id: "track-gaps", type: "line", source: "tracks", filter: ["==", ["get", "gap"], true], paint: { "line-color": ["get", "ink"], "line-width": 1.6, "line-dasharray": [2, 3] } },
    { id: "courses", type: "line", source: "courses", paint: { "line-color": ["get", "ink"], "line-width": 1.3, "line-dasharray": [3, 2], "line-opacity": ["get", "strength"] } },
    {
      id: "vessels", type: "symbol", source: "vessels",
      layout: {
        "icon-image": ["get", "icon"], "icon-rotate": ["get", "turn"], "icon-rotation-alignment": "map", "icon-allow-overlap": true,
        "icon-ignore-placement": true, "icon-size": ["interpolate", ["linear"], ["zoom"], 2, 0.6, 5, 1, 9, 1.25], "symbol-sort-key": ["get", "rank"],
      },
      paint: { "icon-opacity": ["get", "strength"] },
    },
    {
      id: "vessel-names", type: "symbol", source: "vessels", minzoom: 7,
      layout: { ...note, "text-field": ["get", "name"], "text-anchor": "left", "text-offset": [1.2, 0], "text-optional": true }, paint: ink,
    },
    {
      id: "standing-out", type: "symbol", source: "vessels", maxzoom: 7, filter: [">", ["get", "rank"], 2],
      layout: { ...note, "text-field": ["get", "name"], "text-anchor": "left", "text-offset": [1.2, 0], "text-optional": true }, paint: ink,
    },
    { id: "chosen", type: "symbol", source: "chosen", layout: { "icon-image": "chosen", "icon-allow-overlap": true, "icon-ignore-placement": true } },
    { id: "measure", type: "line", source: "measure", paint: { "line-color": colour("focus"), "line-width": 2 } },
    { id: "measure-points", type: "circle", source: "measure", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-radius": 4, "circle-color": colour("focus") } },
    { id: "measure-notes", type: "symbol", source: "measure", filter: ["has", "text"], layout: { ...note, "text-field": ["get", "text"], "text-anchor": "bottom", "text-offset": [0, -0.6], "text-allow-overlap": true }, paint: ink },
    { id: "ghosts", type: "symbol", source: "ghosts", layout: { ...note, "icon-image": ["get", "icon"], "icon-allow-overlap": true, "text-field": ["get", "text"], "text-anchor": "left", "text-offset": [1, 0], "text-optional": true }, paint: ink },
  ];
}
