// Symbols of AIS targets by the meanings of IMO SN.1/Circ.243 and IEC 62288, drawn once for each look and palette.
//
// Shape is state: a sleeping target is a small triangle, an active one larger with a heading line, a lost one crossed out, one without heading a
// circle. Colour is who told of it. A broken outline is simulated. A mark inside is the ship's type. Red is an alarm's alone.
import type { Kind, Origin, State } from "./vessel";

export const SIZE = 36;
const RATIO = 2;

export interface Look {
  origin: Origin;
  state: State;
  kind: Kind;
  simulated: boolean;
  headed: boolean;
  alarm: boolean;
}

export function nameOf(look: Look): string {
  return ["ais", look.origin, look.state, look.kind, look.simulated ? "sim" : "real", look.headed ? "head" : "round", look.alarm ? "alarm" : "calm"].join(" ");
}

export function lookOf(name: string): Look | null {
  const [ais, origin, state, kind, simulated, headed, alarm] = name.split(" ");
  if (ais !== "ais") return null;
  return {
    origin: origin as Origin, state: state as State, kind: kind as Kind,
    simulated: simulated === "sim", headed: headed === "head", alarm: alarm === "alarm",
  };
}

/** A colour of the page's palette. */
export function colour(name: string): string {
  return getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
}

export function draw(look: Look): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE * RATIO;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("the browser gives no canvas to draw on");
  pen.scale(RATIO, RATIO);
  pen.translate(SIZE / 2, SIZE / 2);
  const ink = colour(look.alarm ? "alarm" : look.origin);
  const size = look.state === "sleeping" && !look.alarm ? 0.72 : 1;
  outline(pen, look, size, colour("halo"), look.alarm ? 5 : 4.2, []);
  outline(pen, look, size, ink, look.alarm ? 2.8 : 1.9, look.simulated ? [4.5, 2.2] : []);
  if (look.origin !== "own") within(pen, look.origin, ink);
  mark(pen, look.kind, ink, size);
  if (look.state === "lost") cross(pen, colour("lost"));
  return pen.getImageData(0, 0, SIZE * RATIO, SIZE * RATIO);
}

export const IMAGE = { pixelRatio: RATIO };

function outline(pen: CanvasRenderingContext2D, look: Look, size: number, ink: string, width: number, dash: number[]): void {
  pen.beginPath();
  if (look.headed) {
    pen.moveTo(0, -9 * size);
    pen.lineTo(5.5 * size, 7.5 * size);
    pen.lineTo(-5.5 * size, 7.5 * size);
    pen.closePath();
  } else {
    pen.arc(0, 0, 5.5 * size, 0, 2 * Math.PI);
  }
  pen.lineJoin = "round";
  pen.fillStyle = colour("halo"); // what lies below does not shine through
  pen.fill();
  pen.strokeStyle = ink;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.stroke();
  pen.setLineDash([]);
  if (look.headed && look.state === "active") {
    pen.beginPath();
    pen.moveTo(0, -9);
    pen.lineTo(0, -16);
    pen.stroke();
  }
}

/** A partner's target has a bar across its stern, a fused one two: told apart without colour too. */
function within(pen: CanvasRenderingContext2D, origin: Origin, ink: string): void {
  pen.strokeStyle = ink;
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
}

function cross(pen: CanvasRenderingContext2D, ink: string): void {
  pen.strokeStyle = ink;
  pen.lineWidth = 1.6;
  pen.beginPath();
  pen.moveTo(-10, -7), pen.lineTo(10, 7), pen.moveTo(10, -7), pen.lineTo(-10, 7);
  pen.stroke();
}
