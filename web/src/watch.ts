// The watch log while it is open: the queue follows the node, an alarm sounds and a notice appears when something new waits, and the arrow keys move
// through the queue. The page works without any of it.

const SOON_MS = 300;
const APART_MS = 1_500;
const MUTED = "kizuna-muted";
const TONES_HZ = [880, 660, 880];

class Queue {
  private waiting = 0;
  private asked_ms = 0;
  private known: number;

  constructor(private readonly place: HTMLElement) {
    this.known = this.count();
  }

  start(): void {
    const stream = new EventSource(this.place.dataset["stream"] ?? "");
    stream.addEventListener("watch", () => {
      this.lively(true);
      this.later(); // what came between the page and the stream
    });
    stream.addEventListener("error", () => this.lively(false));
    stream.addEventListener("committed", (event) => {
      const kinds = (JSON.parse((event as MessageEvent<string>).data) as { kinds: Record<string, number> }).kinds;
      if (["record", "received", "receipt-in", "released"].some((kind) => kind in kinds)) this.later();
    });
    this.place.addEventListener("keydown", (event) => this.move(event));
  }

  private later(): void {
    if (this.waiting) return;
    const wait = Math.max(SOON_MS, this.asked_ms + APART_MS - Date.now());
    this.waiting = window.setTimeout(() => void this.renew(), wait);
  }

  private async renew(): Promise<void> {
    this.waiting = 0;
    this.asked_ms = Date.now();
    try {
      const address = new URL(window.location.href);
      address.searchParams.set("bears", document.body.dataset["bears"] ?? ""); // what stands beside the queue stays, and so does its marking
      const answer = await fetch(address, { headers: { "hx-request": "true" }, redirect: "error" });
      if (answer.ok) this.put(await answer.text());
    } catch {
      this.lively(false);
    }
  }

  private put(text: string): void {
    if (text === this.place.dataset["held"]) return;
    this.place.dataset["held"] = text;
    const focused = document.activeElement?.id;
    const inside = this.place.contains(document.activeElement);
    const made = document.createElement("template");
    made.innerHTML = text; // made by our own templates, which escape
    for (const marking of made.content.querySelectorAll("[hx-swap-oob]")) {
      marking.removeAttribute("hx-swap-oob");
      document.getElementById(marking.id)?.replaceWith(marking);
    }
    this.place.replaceChildren(made.content);
    if (inside && focused) document.getElementById(focused)?.focus();
    const now = this.count();
    if (now > this.known) alarm.raise();
    this.known = now;
  }

  private count(): number {
    const counts = document.getElementById("counts")?.dataset;
    return Number(counts?.["raised"] ?? 0) + Number(counts?.["theirs"] ?? 0);
  }

  private lively(yes: boolean): void {
    const chip = document.getElementById("live");
    chip?.classList.toggle("live", yes);
    chip?.classList.toggle("stale", !yes);
    if (chip) chip.textContent = chip.dataset[yes ? "live" : "stale"] ?? "";
  }

  /** Arrows and Home and End move within the queue while it has the focus. */
  private move(event: KeyboardEvent): void {
    const links = [...this.place.querySelectorAll<HTMLElement>(".queue a")];
    const at = links.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    links[Math.min(Math.max(to, 0), links.length - 1)]?.focus();
  }
}

class Alarm {
  private sound: AudioContext | null = null;
  private readonly sounds = document.getElementById("sound") as HTMLButtonElement | null;
  private readonly notifies = document.getElementById("notify") as HTMLButtonElement | null;

  start(): void {
    if (this.sounds) {
      this.sounds.hidden = false;
      this.show();
      this.sounds.addEventListener("click", () => {
        localStorage.setItem(MUTED, this.muted ? "" : "yes");
        this.show();
        if (!this.muted) this.ring();
      });
    }
    if (this.notifies && "Notification" in window && Notification.permission === "default") {
      this.notifies.hidden = false;
      this.notifies.addEventListener("click", () => {
        void Notification.requestPermission().then(() => this.notifies?.setAttribute("hidden", ""));
      });
    }
  }

  raise(): void {
    document.body.dataset["alarms"] = String(Number(document.body.dataset["alarms"] ?? 0) + 1);
    if (!this.muted) this.ring();
    if ("Notification" in window && Notification.permission === "granted" && document.hidden) {
      // says that something waits and never what: it may stand on a locked screen
      new Notification("Kizuna", { body: this.notifies?.dataset["text"] ?? "", tag: "kizuna-watch" });
    }
  }

  private get muted(): boolean {
    return localStorage.getItem(MUTED) === "yes";
  }

  private show(): void {
    this.sounds?.setAttribute("aria-pressed", String(this.muted));
    if (this.sounds) this.sounds.textContent = this.sounds.dataset[this.muted ? "off" : "on"] ?? "";
  }

  private ring(): void {
    this.sound ??= new AudioContext();
    const begin_s = this.sound.currentTime;
    for (const [nth, hz] of TONES_HZ.entries()) {
      const tone = this.sound.createOscillator();
      const loud = this.sound.createGain();
      tone.frequency.value = hz;
      loud.gain.value = 0.12;
      tone.connect(loud).connect(this.sound.destination);
      tone.start(begin_s + nth * 0.18);
      tone.stop(begin_s + nth * 0.18 + 0.14);
    }
  }
}

const alarm = new Alarm();
alarm.start();
const place = document.getElementById("queue");
if (place) new Queue(place).start();
