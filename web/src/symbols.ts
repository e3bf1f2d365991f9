// Symbols of AIS targets by the meanings of IMO SN.1/Circ.243 and IEC 62288, drawn once for each look and palette.
//
// Shape is state: a sleeping target is a small triangle, an active one larger with a heading line and, when it turns, a flag to that side; a lost one
// is crossed out, one without heading a circle. Aids are diamonds (dashed where virtual), base stations squares, distress beacons a circle with a
// cross. Colour is who told of it. A broken outline is simulated. A mark inside is the ship's type. Red is an alarm's alone; a ring is interest.
import { FIXED, type Kind, type Origin, type State } from "./vessel";

export const SIZE = 44;
const RATIO = 2;

export interface Look {
  origin: Origin;
  state: State;
  kind: Kind;
  simulated: boolean;
  headed: boolean;
  alarm: boolean;
  interest: boolean;
  turn: number;
  /** A virtual aid: there is nothing to be seen at sea. */
  virtual: boolean;
}

export function nameOf(look: Look): string {
  const marks = [look.simulated ? "sim" : "real", look.headed ? "head" : "round", look.alarm ? "alarm" : "calm", look.interest ? "voi" : "any", String(look.turn), look.virtual ? "virtual" : "there"];
  return ["ais", look.origin, look.state, look.kind, ...marks].join(" ");
}

export function lookOf(name: string): Look | null {
  const [ais, origin, state, kind, simulated, headed, alarm, interest, turn, virtual] = name.split(" ");
  if (ais !== "ais") return null;
  return {
    origin: origin as Origin, state: state as State, kind: kind as Kind, simulated: simulated === "sim", headed: headed === "head",
    alarm: alarm === "alarm", interest: interest === "voi", turn: Number(turn), virtual: virtual === "virtual",
  };
}

/** A colour of the page's palette. */
export function colour(name: string): string {
  return getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
}

export const IMAGE = { pixelRatio: RATIO };

/** An empty square to draw on, its middle at 0, 0. */
export function sheet(size = SIZE): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * RATIO;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("the browser gives no canvas to draw on");
  pen.scale(RATIO, RATIO);
  pen.translate(size / 2, size / 2);
  return pen;
}

export function taken(pen: CanvasRenderingContext2D): ImageData {
  return pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height);
}

export function draw(look: Look): ImageData {
  const pen = sheet();
  const ink = colour(look.alarm ? "alarm" : look.origin);
  const size = look.state === "sleeping" && !look.alarm ? 0.72 : 1;
  outline(pen, look, size, colour("halo"), look.alarm ? 5 : 4.2, []);
  outline(pen, look, size, ink, look.alarm ? 2.8 : 1.9, look.virtual ? [2, 2] : look.simulated ? [4.5, 2.2] : []);
  if (look.headed && look.state === "active") turning(pen, look, ink);
  if (look.origin !== "own") within(pen, look.origin);
  mark(pen, look.kind, ink, size);
  if (look.interest) {
    pen.strokeStyle = colour("warn");
    pen.lineWidth = 1.8;
    pen.beginPath();
    pen.arc(0, 0, 15, 0, 2 * Math.PI);
    pen.stroke();
  }
  if (look.state === "lost") cross(pen, colour("lost"));
  return taken(pen);
}

function shape(pen: CanvasRenderingContext2D, look: Look, size: number): void {
  pen.beginPath();
  if (look.kind === "aid") {
    pen.moveTo(0, -8), pen.lineTo(8, 0), pen.lineTo(0, 8), pen.lineTo(-8, 0), pen.closePath();
  } else if (look.kind === "base") {
    pen.rect(-6.5, -6.5, 13, 13);
  } else if (look.kind === "sart" || !look.headed) {
    pen.arc(0, 0, (look.kind === "sart" ? 8 : 5.5) * (FIXED.has(look.kind) ? 1 : size), 0, 2 * Math.PI);
  } else {
    pen.moveTo(0, -9 * size), pen.lineTo(5.5 * size, 7.5 * size), pen.lineTo(-5.5 * size, 7.5 * size), pen.closePath();
  }
}

function outline(pen: CanvasRenderingContext2D, look: Look, size: number, ink: string, width: number, dash: number[]): void {
  shape(pen, look, size);
  pen.lineJoin = "round";
  pen.fillStyle = colour("halo"); // what lies below does not shine through
  pen.fill();
  pen.strokeStyle = ink;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.stroke();
  pen.setLineDash([]);
}

/** The heading line, with a flag to the side that the vessel turns to. */
function turning(pen: CanvasRenderingContext2D, look: Look, ink: string): void {
  pen.strokeStyle = ink;
  pen.lineWidth = look.alarm ? 2.6 : 1.9;
  pen.beginPath();
  pen.moveTo(0, -9);
  pen.lineTo(0, -18);
  if (look.turn) pen.lineTo(6 * look.turn, -18);
  pen.stroke();
}

/** A partner's target has a bar across its stern, a fused one two: told apart without colour too. */
export function within(pen: CanvasRenderingContext2D, origin: Origin): void {
  pen.strokeStyle = colour(origin);
  pen.lineWidth = 1.7;
  for (const y of origin === "fused" ? [10.5, 13.5] : [10.5]) {
    pen.beginPath();
    pen.moveTo(-5, y);
    pen.lineTo(5, y);
    pen.stroke();
  }
}

function mark(pen: CanvasRenderingContext2D, kind: Kind, ink: string, size: number): void {
  pen.fillStyle = pen.strokeStyle = ink;
  pen.lineWidth = 1.4;
  pen.beginPath();
  if (kind === "tanker") pen.fillRect(-4.4 * size, 3.6 * size, 8.8 * size, 3.6 * size);
  if (kind === "passenger") pen.arc(0, 3 * size, 1.9 * size, 0, 2 * Math.PI), pen.fill();
  if (kind === "fishing") pen.moveTo(-2.4 * size, 1), pen.lineTo(0, 5 * size), pen.lineTo(2.4 * size, 1), pen.stroke();
  if (kind === "aid") pen.moveTo(0, -5), pen.lineTo(0, 5), pen.moveTo(-5, 0), pen.lineTo(5, 0), pen.stroke();
  if (kind === "base") pen.moveTo(0, -4), pen.lineTo(0, 4), pen.moveTo(-3, 4), pen.lineTo(3, 4), pen.stroke();
  if (kind === "sart") pen.moveTo(-5.6, -5.6), pen.lineTo(5.6, 5.6), pen.moveTo(5.6, -5.6), pen.lineTo(-5.6, 5.6), pen.stroke();
}

export function cross(pen: CanvasRenderingContext2D, ink: string): void {
  pen.strokeStyle = ink;
  pen.lineWidth = 1.6;
  pen.beginPath();
  pen.moveTo(-10, -7), pen.lineTo(10, 7), pen.moveTo(10, -7), pen.lineTo(-10, 7);
  pen.stroke();
}

/** The four corner brackets of a selected target. */
export function brackets(): ImageData {
  const pen = sheet();
  pen.strokeStyle = colour("text");
  pen.lineWidth = 2;
  const far = SIZE / 2 - 3;
  for (const [x, y] of [[-1, -1], [1, -1], [-1, 1], [1, 1]] as const) {
    pen.beginPath();
    pen.moveTo(x * (far - 8), y * far), pen.lineTo(x * far, y * far), pen.lineTo(x * far, y * (far - 8));
    pen.stroke();
  }
  return taken(pen);
}

/** Where a replayed vessel is: a filled disc, or an open one where nothing was reported. */
export function disc(known: boolean): ImageData {
  const pen = sheet(20);
  pen.beginPath();
  pen.arc(0, 0, 6, 0, 2 * Math.PI);
  pen.fillStyle = colour(known ? "focus" : "halo");
  pen.strokeStyle = colour(known ? "halo" : "focus");
  pen.lineWidth = 2;
  pen.fill(), pen.stroke();
  return taken(pen);
}
