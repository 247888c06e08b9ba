// What is at the pointer, or at the bucket that the arrow keys have moved to.

import { element } from "./tables.js";
import { degrees, number, time } from "./words.js";
import { TYPES } from "./style.js";

export class Tooltip {
  // `describe(start)` gives the lines for a bucket, `starts()` the buckets that have something.
  constructor(figure, canvas, board, starts, describe) {
    this.canvas = canvas;
    this.board = board;
    this.starts = starts;
    this.describe = describe;
    this.at = null;
    this.box = element("div", "tip");
    this.box.hidden = true;
    this.spoken = element("div", "unseen");
    this.spoken.setAttribute("aria-live", "polite");
    figure.append(this.box, this.spoken);
    canvas.tabIndex = 0;
    canvas.addEventListener("pointermove", (event) => this.point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.hide());
    canvas.addEventListener("blur", () => this.hide());
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  point(x) {
    const plot = this.canvas.plot;
    if (!plot) return;
    const moment = plot.moment(x);
    const near = (start) => Math.abs(start + this.board.model.bucket / 2 - moment);
    const found = this.starts().sort((a, b) => near(a) - near(b))[0];
    if (found === undefined || Math.abs(plot.x(found) - x) > 40) this.hide();
    else this.show(found, false);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") this.hide();
    if (!step) return;
    event.preventDefault();
    const starts = this.starts().sort((a, b) => a - b);
    if (!starts.length) return;
    const place = this.at === null ? starts.length : starts.indexOf(this.at);
    this.show(starts[Math.max(0, Math.min(starts.length - 1, place + step))], true);
  }

  show(start, aloud) {
    const plot = this.canvas.plot;
    this.at = start;
    const text = this.describe(start).join("\n");
    this.box.textContent = text;
    if (aloud) this.spoken.textContent = text;
    this.box.hidden = false;
    const x = plot.x(start + this.board.model.bucket / 2);
    this.box.style.left = `${Math.max(0, Math.min(x + 12, plot.width - this.box.offsetWidth))}px`;
  }

  hide() {
    this.at = null;
    this.box.hidden = true;
  }
}

export function temperatureStarts(model) {
  return [...new Set([...model.bands.values()].flatMap((buckets) => [...buckets.keys()]))];
}

export function describeTemperatures(model, start) {
  const lines = [time(start)];
  for (const name of model.names) {
    const bucket = model.bands.get(name)?.get(start);
    if (!bucket) continue;
    const parts = [];
    if (bucket.high !== null) parts.push(`${degrees(bucket.high)} to ${degrees(bucket.low)} °F`);
    if (bucket.removed) parts.push(`deleted ${bucket.removed === 1 ? "" : `${bucket.removed} times`}`.trim());
    lines.push(`${name}: ${parts.join(", ")}`);
  }
  return lines;
}

export function describeRates(model, start) {
  const counts = model.rates.get(start) ?? [0, 0, 0, 0];
  return [time(start), ...TYPES.map((name, kind) => `${name}: ${number(counts[kind])}`)];
}
