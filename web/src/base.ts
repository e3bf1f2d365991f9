// The base of the chart: land and coast from Natural Earth, a graticule, and the names of seas. No land borders: where they run is not ours to draw.
import type { FontFacesSpecification, StyleSpecification } from "maplibre-gl";
import land from "world-atlas/land-50m.json?url";

import { colour } from "./symbols";
import seas from "./seas.json";

export const LAND_URL = land;
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
      courses: { type: "geojson", data: NONE },
      vessels: { type: "geojson", data: NONE },
      chosen: { type: "geojson", data: NONE },
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
        layout: { "text-field": ["get", "name"], "text-font": ["chart"], "text-size": 12, "text-anchor": "left", "text-offset": [1.2, 0], "text-optional": true },
        paint: { "text-color": colour("text"), "text-halo-color": colour("halo"), "text-halo-width": 1.2 },
      },
      { id: "chosen", type: "symbol", source: "chosen", layout: { "icon-image": "chosen", "icon-allow-overlap": true, "icon-ignore-placement": true } },
    ],
  };
}
