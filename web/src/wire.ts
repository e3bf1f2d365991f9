// The live picture as the node sends it: frames of three lengths, a head in JSON, packed vessels and counted cells (`kizuna.web.looking`).
import { KINDS, ORIGINS, UNITS, type Vessel } from "./vessel";

const ROW_BYTES = 28;
const CELL_BYTES = 12;
const DEGREE = 600_000;

export interface Head {
  /** Whether it is all that is in view, or what has changed. */
  all: boolean;
  now_ms: number;
  shown?: number;
  total?: number;
  /** Whether vessels are told as counts, but for those that stand out. */
  wide?: boolean;
  bits?: number;
  names?: Record<string, string>;
  /** The marking that the page now needs. */
  marked?: string;
}

/** A square of the Mercator world and how many vessels are in it. */
export interface Cell {
  x: number;
  y: number;
  count: number;
}

export interface Frame {
  head: Head;
  vessels: Vessel[];
  cells: Cell[];
}

/** Yields the frames of an answer; ends when the node ends it. */
export async function* frames(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  const reader = body.getReader();
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    for (let size = sizeOf(held); size > 0 && held.length >= size; size = sizeOf(held)) {
      yield unpacked(held.slice(0, size));
      held = held.slice(size);
    }
  }
}

function sizeOf(data: Uint8Array): number {
  if (data.length < 12) return 0;
  const view = new DataView(data.buffer, data.byteOffset);
  return 12 + view.getUint32(0, true) + view.getUint32(4, true) * ROW_BYTES + view.getUint32(8, true) * CELL_BYTES;
}

function unpacked(data: Uint8Array): Frame {
  const view = new DataView(data.buffer, data.byteOffset);
  const [text, rows, count] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  const head = JSON.parse(new TextDecoder().decode(data.subarray(12, 12 + text))) as Head;
  const names = head.names ?? {};
  const vessels = Array.from({ length: rows }, (_, row) => vesselAt(view, 12 + text + row * ROW_BYTES, names));
  const from = 12 + text + rows * ROW_BYTES;
  const cells = Array.from({ length: count }, (_, cell) => {
    const at = from + cell * CELL_BYTES;
    return { x: view.getUint32(at, true), y: view.getUint32(at + 4, true), count: view.getUint32(at + 8, true) };
  });
  return { head, vessels, cells };
}

function vesselAt(view: DataView, at: number, names: Record<string, string>): Vessel {
  const [id, flags] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
  const known = (offset: number, scale: number): number | null => {
    const value = view.getInt16(at + offset, true);
    return value < 0 ? null : value / scale;
  };
  const turn = (flags >> 6) & 3;
  return {
    id, mmsi: id >>> 1, simulated: (id & 1) === 1, at_ms: view.getUint32(at + 8, true) * 1000,
    lat: view.getInt32(at + 12, true) / DEGREE, lon: view.getInt32(at + 16, true) / DEGREE,
    speed_kn: known(20, 10), course_deg: known(22, 10), heading_deg: known(24, 1), length_m: known(26, 1),
    origin: ORIGINS[flags & 3] ?? "partner", kind: KINDS[(flags >> 2) & 15] ?? "other", turn: turn === 3 ? -1 : turn,
    alarm: (flags & 256) !== 0, interest: (flags & 512) !== 0, unit: UNITS[(flags >> 10) & 3] ?? "", lies: (flags & 4096) !== 0,
    name: names[id] ?? "",
  };
}

const WORLD_BITS = 28;

/** The corner of a cell in degrees. */
export function corner(x: number, y: number, bits: number): [number, number] {
  const width = 2 ** (WORLD_BITS - bits);
  return [(x / width) * 360 - 180, (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / width))) * 180) / Math.PI];
}
