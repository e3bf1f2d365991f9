// Tracks of chosen vessels, and their replay: a slider over the time of all of them, play, pause and speed. Where nothing was reported the line is
// dashed and the replayed vessel an open disc at its last report: nobody knows where it was.
import type { Map as Chart } from "maplibre-gl";

import { element, fill, path, point, say, sentence, stillIn, type Words } from "./chart";
import { type LonLat, placed, timed } from "./geodesy";
import { colour } from "./symbols";
import { LOST_MS } from "./vessel";

interface Track {
  line: number[];
  time_ms: number[];
  lat_600000: number[];
  lon_600000: number[];
  speed_dkn: number[];
  set_aside: Record<string, number>;
  within_m: number;
}

interface Held {
  id: number;
  name: string;
  ink: string;
  track: Track;
}

const DEGREE = 600_000;
const MOST = 6;
const INKS = ["focus", "link", "warn", "good", "fused", "partner"];
const TICK_MS = 100;

export class Replay {
  private readonly held = new Map<number, Held>();
  private at_ms = 0;
  private playing = 0;

  constructor(private readonly chart: Chart, private readonly words: Words) {}

  start(): void {
    element("replay-play").addEventListener("click", () => this.play(!this.playing));
    element("replay-slider").addEventListener("input", () => this.seek(Number(element<HTMLInputElement>("replay-slider").value)));
    element("replay-clear").addEventListener("click", () => {
      this.held.clear();
      this.renew();
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof Element && event.target.closest("input:not([type=range]), textarea, select, button, a, summary");
      if (typing || element("replay").hidden) return;
      const step = { ",": -60_000, ".": 60_000 }[event.key];
      if (event.key === " ") event.preventDefault(), this.play(!this.playing);
      else if (step) this.seek(this.at_ms + step);
    });
  }

  /** Adds a vessel's track of the last hours, or says why there is none. */
  async add(id: number, name: string, hours: number): Promise<void> {
    const answer = await fetch(`/picture/track?mmsi=${Math.floor(id / 2)}&simulated=${id % 2 === 1}&hours=${hours}`);
    if (!stillIn(answer)) return;
    const track = answer.ok ? ((await answer.json()) as Track) : null;
    if (!track?.time_ms.length) return say("track-said", this.words["no-track"] ?? "");
    const oldest = this.held.keys().next().value;
    if (!this.held.has(id) && this.held.size >= MOST && oldest !== undefined) this.held.delete(oldest);
    const used = new Set([...this.held.values()].map((each) => each.ink));
    const ink = this.held.get(id)?.ink ?? INKS.find((each) => !used.has(each)) ?? "focus";
    this.held.set(id, { id, name, ink, track });
    const aside = Object.values(track.set_aside).reduce((sum, count) => sum + count, 0);
    say("track-said", [sentence(this.words, "track", track.time_ms.length), aside ? sentence(this.words, "aside", aside) : "", track.within_m ? sentence(this.words, "within", track.within_m) : ""].filter(Boolean).join(" "));
    this.renew();
  }

  private renew(): void {
    element("replay").hidden = this.held.size === 0;
    fill(this.chart, "tracks", [...this.held.values()].flatMap(linesOf));
    if (!this.held.size) {
      this.play(false);
      fill(this.chart, "ghosts", []);
      return say("track-said", "");
    }
    const tracks = [...this.held.values()].map((each) => each.track.time_ms);
    const slider = element<HTMLInputElement>("replay-slider");
    slider.min = String(Math.min(...tracks.map((times) => times[0] ?? 0)));
    slider.max = String(Math.max(...tracks.map((times) => times[times.length - 1] ?? 0)));
    slider.step = "1000";
    element("replay-names").replaceChildren(...[...this.held.values()].map((each) => {
      const name = document.createElement("span");
      name.textContent = `━ ${each.name}`;
      name.className = `ink-${each.ink}`;
      return name;
    }));
    this.seek(Number(slider.max));
  }

  private play(yes: boolean): void {
    window.clearInterval(this.playing);
    this.playing = 0;
    const button = element("replay-play");
    button.textContent = this.words[yes ? "pause" : "play"] ?? "";
    button.setAttribute("aria-pressed", String(yes));
    if (!yes) return;
    const slider = element<HTMLInputElement>("replay-slider");
    if (this.at_ms >= Number(slider.max)) this.seek(Number(slider.min));
    this.playing = window.setInterval(() => {
      this.seek(this.at_ms + TICK_MS * Number(element<HTMLSelectElement>("replay-speed").value));
      if (this.at_ms >= Number(slider.max)) this.play(false);
    }, TICK_MS);
  }

  private seek(at_ms: number): void {
    const slider = element<HTMLInputElement>("replay-slider");
    this.at_ms = Math.max(Number(slider.min), Math.min(Number(slider.max), at_ms));
    slider.value = String(this.at_ms);
    slider.setAttribute("aria-valuetext", timed(this.at_ms));
    say("replay-time", timed(this.at_ms));
    const places: string[] = [];
    const ghosts = [...this.held.values()].flatMap((each) => {
      const found = whereAt(each.track, this.at_ms);
      if (!found) return [];
      places.push(`${each.name}: ${placed(found.at)}${found.known ? "" : ` · ${this.words["unheard"] ?? ""}`}`);
      return [point(found.at, { icon: found.known ? "ghost" : "ghost-unheard", text: each.name })];
    });
    fill(this.chart, "ghosts", ghosts);
    say("replay-places", places.join("\n"));
  }
}

/** The stretches of a track: those between reports, and those in which nothing was heard. */
function linesOf(held: Held): GeoJSON.Feature[] {
  const { track } = held;
  const ink = colour(held.ink);
  const found: GeoJSON.Feature[] = [];
  for (const number of new Set(track.line)) {
    let stretch: LonLat[] = [];
    let before = -1;
    const close = (): void => {
      if (stretch.length > 1) found.push(path(stretch, { ink, gap: false }));
    };
    track.line.forEach((line, row) => {
      if (line !== number) return;
      const at = placeAt(track, row, stretch[stretch.length - 1]);
      if (before >= 0 && (track.time_ms[row] ?? 0) - (track.time_ms[before] ?? 0) > LOST_MS) {
        close();
        found.push(path([stretch[stretch.length - 1] ?? at, at], { ink, gap: true }));
        stretch = [];
      }
      stretch.push(at);
      before = row;
    });
    close();
  }
  return found;
}

/** A row's place, on the near side of 180 degrees. */
function placeAt(track: Track, row: number, near?: LonLat): LonLat {
  const lon = (track.lon_600000[row] ?? 0) / DEGREE;
  return [near ? lon + Math.round((near[0] - lon) / 360) * 360 : lon, (track.lat_600000[row] ?? 0) / DEGREE];
}

/** Where a vessel was at a time: between two reports on the straight way, in a gap at the report before it. */
function whereAt(track: Track, at_ms: number): { at: LonLat; known: boolean } | null {
  let low = 0;
  let high = track.time_ms.length - 1;
  if (high < 0 || at_ms < (track.time_ms[0] ?? 0)) return null;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((track.time_ms[middle] ?? 0) <= at_ms) low = middle;
    else high = middle - 1;
  }
  const next = track.line.indexOf(track.line[low] ?? 0, low + 1);
  const [from, to] = [placeAt(track, low), next > 0 ? placeAt(track, next, placeAt(track, low)) : null];
  const [begin, end] = [track.time_ms[low] ?? 0, next > 0 ? (track.time_ms[next] ?? 0) : 0];
  if (!to) return { at: from, known: at_ms - begin <= LOST_MS };
  if (end - begin > LOST_MS) return { at: from, known: at_ms - begin < 1_000 };
  const share = end > begin ? (at_ms - begin) / (end - begin) : 0;
  return { at: [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])], known: true };
}
