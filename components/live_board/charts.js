// The two charts, drawn on canvases: temperatures by location as bands, and events by type as stacked bars.

import { drawShape, fillings, look } from "./style.js";
import { shortTime, time } from "./words.js";

const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600];
const LEFT = 40;
const RIGHT = 10;
const TOP = 8;
const BELOW = 20;
const DELETED = 18;

// The plot of a canvas: its pen, its edges, and where a moment is on it.
export function plot(canvas, model, now, theme, below) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `12px ${theme.font}`;
  const end = now + model.bucket / 2;
  const begin = end - model.seconds;
  const [left, right, bottom] = [LEFT, width - RIGHT, height - below];
  const x = (moment) => left + ((moment - begin) / (end - begin)) * (right - left);
  const moment = (place) => begin + ((place - left) / (right - left)) * (end - begin);
  return { pen, width, height, left, right, top: TOP, bottom, begin, end, x, moment, theme };
}

export function drawTemperatures(canvas, model, now, theme, highlight) {
  const at = plot(canvas, model, now, theme, BELOW + DELETED);
  const [low, high] = range(model);
  const y = (value) => at.bottom - ((value - low) / (high - low)) * (at.bottom - at.top);
  axes(at, low, high, y);
  deletedLane(at);
  clipped(at, DELETED, () => {
    model.names.forEach((name, place) => {
      const buckets = [...(model.bands.get(name) ?? [])].sort((a, b) => a[0] - b[0]);
      at.pen.globalAlpha = highlight === null || highlight === name ? 1 : 0.15;
      band(at, y, model, buckets, look(theme, place));
      deletions(at, model, buckets, look(theme, place));
    });
  });
  return at;
}

export function drawRates(canvas, model, now, theme) {
  const at = plot(canvas, model, now, theme, BELOW);
  const sums = [...model.rates.values()].map((counts) => counts.reduce((a, b) => a + b, 0));
  const high = Math.max(4, ...sums);
  const y = (value) => at.bottom - (value / high) * (at.bottom - at.top);
  axes(at, 0, high, y);
  const filling = fillings(at.pen, theme);
  clipped(at, 0, () => {
    for (const [start, counts] of model.rates) {
      const from = at.x(start);
      const width = Math.max(1, at.x(start + model.bucket) - from - 1);
      let under = 0;
      counts.forEach((count, kind) => {
        at.pen.fillStyle = filling[kind];
        at.pen.fillRect(from, y(under + count), width, y(under) - y(under + count));
        under += count;
      });
    }
  });
  return at;
}

function range(model) {
  let [low, high] = [Infinity, -Infinity];
  for (const buckets of model.bands.values()) {
    for (const bucket of buckets.values()) {
      if (bucket.low !== null) low = Math.min(low, bucket.low);
      if (bucket.high !== null) high = Math.max(high, bucket.high);
    }
  }
  if (low > high) return [0, 100];
  const margin = Math.max(2, (high - low) * 0.06);
  return [low - margin, high + margin];
}

function axes(at, low, high, y) {
  const { pen, theme } = at;
  pen.strokeStyle = theme.border;
  pen.fillStyle = theme.text;
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of ticks(low, high)) {
    line(pen, at.left, y(value), at.right, y(value));
    pen.fillText(String(value), at.left - 6, y(value));
  }
  pen.textBaseline = "top";
  pen.textAlign = "center";
  const span = at.end - at.begin;
  const step = STEPS.find((one) => span / one <= (at.right - at.left) / 80) ?? STEPS[STEPS.length - 1];
  const zone = new Date(at.begin * 1000).getTimezoneOffset() * 60;
  const write = step < 60 ? time : shortTime;
  for (let one = Math.ceil((at.begin - zone) / step) * step + zone; one <= at.end; one += step) {
    const x = at.x(one);
    if (x < at.left + 20 || x > at.right - 20) continue;
    pen.fillText(write(one), x, at.height - BELOW + 6);
  }
  line(pen, at.left, at.bottom, at.right, at.bottom);
}

function ticks(low, high) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough));
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value);
  return found;
}

function line(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, Math.round(y1) + 0.5);
  pen.lineTo(x2, Math.round(y2) + 0.5);
  pen.stroke();
}

function clipped(at, more, draw) {
  at.pen.save();
  at.pen.beginPath();
  at.pen.rect(at.left, 0, at.right - at.left, at.bottom + more);
  at.pen.clip();
  draw();
  at.pen.restore();
}

// Max and min as the edges of a band; buckets that are far apart are not joined, because nothing is known between them.
function band(at, y, model, buckets, { colour, shape, dash }) {
  const { pen } = at;
  const farthest = Math.max(model.bucket * 3, model.seconds / 12);
  pen.strokeStyle = pen.fillStyle = colour;
  let part = [];
  const parts = [part];
  for (const [start, { high, low }] of buckets) {
    if (high === null || low === null) continue;
    if (part.length && start - part[part.length - 1].start > farthest) parts.push((part = []));
    part.push({ start, x: at.x(start + model.bucket / 2), high: y(high), low: y(low) });
  }
  const alpha = pen.globalAlpha;
  for (const points of parts) {
    if (points.length === 0) continue;
    pen.globalAlpha = alpha * 0.14;
    trace(pen, [...points.map((p) => [p.x, p.high]), ...points.map((p) => [p.x, p.low]).reverse()]);
    pen.fill();
    pen.globalAlpha = alpha;
    pen.setLineDash(dash);
    pen.lineWidth = 2;
    trace(pen, points.map((p) => [p.x, p.high]));
    pen.stroke();
    pen.lineWidth = 1;
    trace(pen, points.map((p) => [p.x, p.low]));
    pen.stroke();
    pen.setLineDash([]);
    if (points.length === 1) line(pen, points[0].x, points[0].high, points[0].x, points[0].low);
    const last = points[points.length - 1];
    drawShape(pen, shape, last.x, last.high, 9);
    drawShape(pen, shape, last.x, last.low, 6);
  }
}

function trace(pen, points) {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
}

function deletedLane(at) {
  const { pen, theme } = at;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  pen.fillStyle = theme.text;
  pen.font = `11px ${theme.font}`;
  pen.fillText("del.", at.left - 6, at.bottom + DELETED / 2 + 1);
}

// A deleted record has no temperatures: a cross below the plot says when, in the colour of its location.
function deletions(at, model, buckets, { colour, shape }) {
  const { pen } = at;
  const y = at.bottom + DELETED / 2 + 1;
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 2;
  for (const [start, { removed }] of buckets) {
    if (!removed) continue;
    const x = at.x(start + model.bucket / 2);
    pen.beginPath();
    pen.moveTo(x - 4, y - 4);
    pen.lineTo(x + 4, y + 4);
    pen.moveTo(x - 4, y + 4);
    pen.lineTo(x + 4, y - 4);
    pen.stroke();
    drawShape(pen, shape, x, y - 8, 4);
  }
}
