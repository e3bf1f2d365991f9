// What the node tells of a vessel, and what a chart makes of it: by whom it was told, how old it is, whether it moves.

/** One vessel as the live picture tells it (`wire.ts`); what is not known is null. */
export interface Vessel {
  /** Twice the MMSI, and one more where it is simulated. */
  id: number;
  mmsi: number;
  simulated: boolean;
  at_ms: number;
  lat: number;
  lon: number;
  speed_kn: number | null;
  course_deg: number | null;
  heading_deg: number | null;
  length_m: number | null;
  origin: Origin;
  kind: Kind;
  /** -1 to port, 1 to starboard, 0 where it keeps its heading. */
  turn: number;
  alarm: boolean;
  interest: boolean;
  unit: Unit;
  /** At anchor, moored or aground by its own word. */
  lies: boolean;
  name: string;
}

export const ORIGINS = ["own", "partner", "fused"] as const;
export const KINDS = ["other", "cargo", "tanker", "passenger", "fishing", "tug", "pleasure", "aid", "base", "sart", "aircraft"] as const;
export const UNITS = ["", "own", "partner"] as const;
export type Origin = (typeof ORIGINS)[number];
export type Kind = (typeof KINDS)[number];
export type Unit = (typeof UNITS)[number];
export type State = "sleeping" | "active" | "lost";
/** Aids, base stations and distress beacons stand where they are. */
export const FIXED: ReadonlySet<Kind> = new Set<Kind>(["aid", "base", "sart"]);

/** After this time without a report a target is lost (it is shown crossed out at its last position, and fades). */
export const LOST_MS = 20 * 60_000;
const MOVING_KN = 0.5;

export function idOf(mmsi: number, simulated: boolean): number {
  return mmsi * 2 + (simulated ? 1 : 0);
}

export function stateOf(vessel: Vessel, now: number): State {
  if (now - vessel.at_ms > LOST_MS) return "lost";
  return (vessel.speed_kn ?? 0) > MOVING_KN ? "active" : "sleeping";
}

/** Heading, else course over ground; null has a symbol of its own. */
export function pointing(vessel: Vessel): number | null {
  return vessel.heading_deg ?? (vessel.speed_kn !== null && vessel.speed_kn > MOVING_KN ? vessel.course_deg : null);
}

/** Full when fresh, fading to a third when twice as old as a lost target. */
export function strength(vessel: Vessel, now: number): number {
  return Math.max(0.35, Math.min(1, 1.15 - (now - vessel.at_ms) / (2 * LOST_MS)));
}
