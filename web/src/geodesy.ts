// Distances, bearings and places as navigators write them: on the WGS 84 ellipsoid where two points are measured, on the sphere for what is only drawn.

export type LonLat = [number, number];

const RAD = Math.PI / 180;
const NM_M = 1852;
const [MAJOR_M, FLAT] = [6_378_137, 1 / 298.257223563];
const MINOR_M = MAJOR_M * (1 - FLAT);

export interface Course {
  nm: number;
  deg: number;
}

/** The geodesic between two points and its first true bearing (Vincenty's inverse solution; for nearly opposite points, where that does not settle, the sphere). */
export function between(from: LonLat, to: LonLat): Course {
  const turn = ((((to[0] - from[0] + 540) % 360) + 360) % 360 - 180) * RAD;
  const [u1, u2] = [from[1], to[1]].map((lat) => Math.atan((1 - FLAT) * Math.tan(lat * RAD))) as [number, number];
  const [s1, c1, s2, c2] = [Math.sin(u1), Math.cos(u1), Math.sin(u2), Math.cos(u2)];
  let lambda = turn;
  for (let round = 0; round < 60; round++) {
    const [sl, cl] = [Math.sin(lambda), Math.cos(lambda)];
    const sin = Math.hypot(c2 * sl, c1 * s2 - s1 * c2 * cl);
    if (sin === 0) return { nm: 0, deg: 0 };
    const cos = s1 * s2 + c1 * c2 * cl;
    const sigma = Math.atan2(sin, cos);
    const alpha = (c1 * c2 * sl) / sin;
    const wide = 1 - alpha * alpha;
    const middle = wide === 0 ? 0 : cos - (2 * s1 * s2) / wide;
    const c = (FLAT / 16) * wide * (4 + FLAT * (4 - 3 * wide));
    const before = lambda;
    lambda = turn + (1 - c) * FLAT * alpha * (sigma + c * sin * (middle + c * cos * (2 * middle * middle - 1)));
    if (Math.abs(lambda - before) > 1e-12) continue;
    const square = (wide * (MAJOR_M * MAJOR_M - MINOR_M * MINOR_M)) / (MINOR_M * MINOR_M);
    const a = 1 + (square / 16384) * (4096 + square * (square * (320 - 175 * square) - 768));
    const b = (square / 1024) * (256 + square * (square * (74 - 47 * square) - 128));
    const less = b * sin * (middle + (b / 4) * (cos * (2 * middle * middle - 1) - (b / 6) * middle * (4 * sin * sin - 3) * (4 * middle * middle - 3)));
    return { nm: (MINOR_M * a * (sigma - less)) / NM_M, deg: bearing(Math.atan2(c2 * Math.sin(lambda), c1 * s2 - s1 * c2 * Math.cos(lambda))) };
  }
  const arc = Math.acos(Math.max(-1, Math.min(1, Math.sin(from[1] * RAD) * Math.sin(to[1] * RAD) + Math.cos(from[1] * RAD) * Math.cos(to[1] * RAD) * Math.cos(turn))));
  return { nm: (arc / RAD) * 60, deg: bearing(Math.atan2(Math.sin(turn) * Math.cos(to[1] * RAD), Math.cos(from[1] * RAD) * Math.sin(to[1] * RAD) - Math.sin(from[1] * RAD) * Math.cos(to[1] * RAD) * Math.cos(turn))) };
}

function bearing(angle: number): number {
  return (angle / RAD + 360) % 360;
}

/** The point that lies `nm` ahead on a bearing, on the sphere. */
export function ahead(lat: number, lon: number, bearing_deg: number, nm: number): LonLat {
  const arc = (nm / 60) * RAD;
  const [phi, theta] = [lat * RAD, bearing_deg * RAD];
  const to = Math.asin(Math.sin(phi) * Math.cos(arc) + Math.cos(phi) * Math.sin(arc) * Math.cos(theta));
  const turn = Math.atan2(Math.sin(theta) * Math.sin(arc) * Math.cos(phi), Math.cos(arc) - Math.sin(phi) * Math.sin(to));
  return [lon + turn / RAD, to / RAD];
}

/** A circle of `nm` around a point. */
export function ring(centre: LonLat, nm: number): LonLat[] {
  return Array.from({ length: 73 }, (_, step) => ahead(centre[1], centre[0], step * 5, nm));
}

/** The great circle between two points, so that the line drawn is the line measured. */
export function line(from: LonLat, to: LonLat): LonLat[] {
  const { nm, deg } = between(from, to);
  const steps = Math.max(1, Math.min(64, Math.round(nm / 30)));
  const inner = Array.from({ length: steps - 1 }, (_, step) => ahead(from[1], from[0], deg, (nm * (step + 1)) / steps));
  const turn = inner.length ? (inner[inner.length - 1] as LonLat)[0] : from[0];
  return [from, ...inner, [to[0] + Math.round((turn - to[0]) / 360) * 360, to[1]]];
}

function angle(value: number, width: number, plus: string, minus: string): string {
  const tenths = Math.round(Math.abs(value) * 600);
  const [degrees, rest] = [Math.floor(tenths / 600), tenths % 600];
  return `${String(degrees).padStart(width, "0")}°${(rest / 10).toFixed(1).padStart(4, "0")}′${value < 0 ? minus : plus}`;
}

/** A position in degrees and decimal minutes. */
export function placed([lon, lat]: LonLat): string {
  return `${angle(lat, 2, "N", "S")} ${angle(((((lon + 180) % 360) + 360) % 360) - 180, 3, "E", "W")}`;
}

export function coursed({ nm, deg }: Course): string {
  return `${nm < 10 ? nm.toFixed(2) : nm.toFixed(1)} nm · ${String(Math.round(deg) % 360).padStart(3, "0")}°`;
}

const PART = /^\s*(\d{1,3}(?:\.\d+)?)\s*[°\s]?\s*(?:(\d{1,2}(?:\.\d+)?)\s*['′]?)?\s*([NSEW])\s*$/i;

/** A position as officers write it: `10°30.5N 080°15.0E`, `10 30.5 N, 80 15 E` or `10.508, 80.25`; null where it is none. */
export function read(text: string): LonLat | null {
  const plain = /^\s*(-?\d+(?:\.\d+)?)\s*[,\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text.normalize("NFKC"));
  const parts = /^(.*?[NS])[\s,]*(.*?[EW])$/i.exec(text.normalize("NFKC").trim());
  const value = (part: string): number => {
    const found = PART.exec(part);
    if (!found) return NaN;
    return (Number(found[1]) + Number(found[2] ?? 0) / 60) * (/[SW]/i.test(found[3] ?? "") ? -1 : 1);
  };
  const [lat, lon] = plain ? [Number(plain[1]), Number(plain[2])] : parts ? [value(parts[1] ?? ""), value(parts[2] ?? "")] : [NaN, NaN];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? [lon, lat] : null;
}

/** UTC first, then the clocks of both sides. */
export function timed(at_ms: number): string {
  const clock = (minutes: number): string => new Date(at_ms + minutes * 60_000).toISOString().slice(11, 16);
  return `${new Date(at_ms).toISOString().slice(0, 10)} ${clock(0)}Z · IST ${clock(330)} · JST ${clock(540)}`;
}
