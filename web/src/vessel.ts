// What the node tells of a vessel, and what a chart makes of it: by whom it was told, how old it is, whether it moves.

/** One vessel as `/picture/vessels` and the event stream tell it; what is not known is null. */
export interface Vessel {
  mmsi: number;
  simulated: boolean;
  at_ms: number | null;
  lat: number | null;
  lon: number | null;
  speed_kn: number | null;
  course_deg: number | null;
  heading_deg: number | null;
  origin: Origin;
  party: string;
  name: string;
  kind: Kind;
  length_m: number | null;
  alarm: boolean;
}

export type Origin = "own" | "partner" | "fused";
export type Kind = "cargo" | "tanker" | "passenger" | "fishing" | "other";
export type State = "sleeping" | "active" | "lost";

/** After this time without a report a target is lost (it is shown crossed out at its last position, and fades). */
export const LOST_MS = 20 * 60_000;
const MOVING_KN = 0.5;

export function key(vessel: Vessel): string {
  return `${vessel.mmsi}${vessel.simulated ? "s" : ""}`;
}

export function stateOf(vessel: Vessel, now: number): State {
  if (vessel.at_ms === null || now - vessel.at_ms > LOST_MS) return "lost";
  return (vessel.speed_kn ?? 0) > MOVING_KN ? "active" : "sleeping";
}

/** Heading, else course over ground; null has a symbol of its own. */
export function pointing(vessel: Vessel): number | null {
  return vessel.heading_deg ?? (vessel.speed_kn !== null && vessel.speed_kn > MOVING_KN ? vessel.course_deg : null);
}

/** Full when fresh, fading to a third when twice as old as a lost target. */
export function strength(vessel: Vessel, now: number): number {
  const age = vessel.at_ms === null ? Infinity : now - vessel.at_ms;
  return Math.max(0.35, Math.min(1, 1.15 - age / (2 * LOST_MS)));
}

export interface Filter {
  text: string;
  origin: string;
  kind: string;
  state: string;
}

/** Whether a vessel passes the filter that list and map share; the node judges by the same rules before it cuts the list. */
export function passes(vessel: Vessel, filter: Filter, now: number): boolean {
  if (filter.origin && filter.origin !== (vessel.simulated && filter.origin === "simulated" ? "simulated" : vessel.origin)) return false;
  if (filter.kind && vessel.kind !== filter.kind) return false;
  if (filter.state === "alarm" ? !vessel.alarm : filter.state && stateOf(vessel, now) !== filter.state) return false;
  const wanted = filter.text.normalize("NFKC").toLocaleLowerCase().trim();
  return !wanted || String(vessel.mmsi).includes(wanted) || vessel.name.normalize("NFKC").toLocaleLowerCase().includes(wanted);
}

/** The point that lies `distance_nm` ahead on a bearing, on the sphere. */
export function ahead(lat: number, lon: number, bearing_deg: number, distance_nm: number): [number, number] {
  const rad = Math.PI / 180;
  const arc = (distance_nm / 60) * rad;
  const [phi, theta] = [lat * rad, bearing_deg * rad];
  const to = Math.asin(Math.sin(phi) * Math.cos(arc) + Math.cos(phi) * Math.sin(arc) * Math.cos(theta));
  const turn = Math.atan2(Math.sin(theta) * Math.sin(arc) * Math.cos(phi), Math.cos(arc) - Math.sin(phi) * Math.sin(to));
  return [lon + turn / rad, to / rad];
}
