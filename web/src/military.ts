// Symbols of MIL-STD-2525 for units alone that a party itself says are its own: ours, a partner's, or an exercise's. None is ever made of what AIS says.
import * as milsymbol from "milsymbol";

import { colour, sheet, taken, within } from "./symbols";

// The package gives all that its types name as one default.
const { Symbol } = (milsymbol as unknown as { default: typeof milsymbol }).default;
const PICTURE = 32;

export interface UnitLook {
  unit: "own" | "partner";
  /** Real, made up, or of an exercise: the standard's context digit. */
  context: 0 | 1 | 2;
  alarm: boolean;
  lost: boolean;
}

export function unitName(look: UnitLook): string {
  return ["unit", look.unit, look.context, look.alarm ? "alarm" : "calm", look.lost ? "lost" : "heard"].join(" ");
}

export function unitLook(name: string): UnitLook | null {
  const [unit, whose, context, alarm, lost] = name.split(" ");
  if (unit !== "unit") return null;
  return { unit: whose as UnitLook["unit"], context: Number(context) as UnitLook["context"], alarm: alarm === "alarm", lost: lost === "lost" };
}

/** A friend's sea surface unit, an outline without fill: at night a filled symbol blinds. */
export function drawUnit(look: UnitLook): ImageData {
  const ink = colour(look.alarm ? "alarm" : look.unit);
  const sidc = ["10", look.context, "3", "30", "0000", "110000", "0000"].join(""); // version, context, friend, sea surface, no echelon, military
  const symbol = new Symbol(sidc, { size: PICTURE / 1.6, fill: false, monoColor: ink, outlineWidth: 3, outlineColor: colour("halo"), strokeWidth: look.alarm ? 7 : 5 });
  const [pen, made] = [sheet(), symbol.asCanvas(2)];
  const anchor = symbol.getAnchor();
  pen.drawImage(made, -anchor.x, -anchor.y, made.width / 2, made.height / 2);
  if (look.unit === "partner") pen.translate(0, 6), within(pen, "partner");
  if (look.lost) {
    pen.strokeStyle = colour("lost");
    pen.beginPath();
    pen.moveTo(-12, -9), pen.lineTo(12, 9), pen.moveTo(12, -9), pen.lineTo(-12, 9);
    pen.stroke();
  }
  return taken(pen);
}
