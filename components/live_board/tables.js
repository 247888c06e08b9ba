// The two tables: the newest value of each location, which is also the legend, and the events.

import { degrees, time, ago } from "./words.js";
import { drawShape, look } from "./style.js";

const SVG = "http://www.w3.org/2000/svg";
const SPARK = { width: 84, height: 20 };

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function table(className, caption, columns) {
  const made = element("table", className);
  made.append(element("caption", "unseen", caption));
  const head = made.createTHead().insertRow();
  for (const [name, kind] of columns) {
    const cell = element("th", kind, name);
    cell.scope = "col";
    head.append(cell);
  }
  return { made, body: made.createTBody() };
}

export class LatestTable {
  constructor(onHighlight) {
    const { made, body } = table("latest", "Newest value of each location", [
      ["Location", ""],
      ["Event", ""],
      ["Max, °F", "number"],
      ["Min, °F", "number"],
      ["Rain, %", "number optional"],
      ["Max lately", "optional"],
      ["When", "when"],
    ]);
    this.element = made;
    this.body = body;
    this.rows = new Map();
    this.onHighlight = onHighlight;
  }

  draw(model, now, theme) {
    const names = [...model.latest.keys()].sort((a, b) => a.localeCompare(b));
    for (const [name, row] of this.rows) {
      if (model.latest.has(name)) continue;
      row.line.remove();
      this.rows.delete(name);
    }
    names.forEach((name, place) => {
      const row = this.rows.get(name) ?? this.row(name);
      if (this.body.children[place] !== row.line) this.body.insertBefore(row.line, this.body.children[place] ?? null);
      this.fill(row, name, model, now, theme);
    });
  }

  row(name) {
    const line = element("tr");
    const first = element("th", "name");
    first.scope = "row";
    const swatch = element("canvas", "swatch");
    swatch.setAttribute("aria-hidden", "true");
    first.append(swatch, element("span", "", name));
    line.append(first);
    const cells = ["", "number", "number", "number optional", "optional", "when"].map((kind) => {
      const cell = element("td", kind);
      line.append(cell);
      return cell;
    });
    line.addEventListener("pointerenter", () => this.onHighlight(name));
    line.addEventListener("pointerleave", () => this.onHighlight(null));
    const row = { line, swatch, cells, latest: null, place: null, theme: null };
    this.rows.set(name, row);
    return row;
  }

  fill(row, name, model, now, theme) {
    const latest = model.latest.get(name);
    const place = model.names.indexOf(name);
    row.cells[5].textContent = ago(now - latest.received);
    if (row.place !== place || row.theme !== theme) paintSwatch(row.swatch, theme, place);
    if (row.latest !== latest || row.place !== place || row.theme !== theme) {
      const [event, high, low, chance, spark] = row.cells;
      event.textContent = latest.type;
      event.dataset.type = latest.type;
      high.textContent = degrees(latest.high);
      low.textContent = degrees(latest.low);
      chance.textContent = degrees(latest.chance);
      spark.replaceChildren(sparkline(latest.spark, place < 0 ? theme.text : look(theme, place).colour));
    }
    Object.assign(row, { latest, place, theme });
  }
}

// The location's mark in the chart; a location that is not drawn there has none.
function paintSwatch(canvas, theme, place) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.height = 14 * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  if (place < 0) return;
  const { colour, shape } = look(theme, place);
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = 2;
  drawShape(pen, shape, 7, 7, 9);
}

function sparkline(values, colour) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("width", SPARK.width);
  drawing.setAttribute("height", SPARK.height);
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", values.length ? `from ${degrees(values[0])} to ${degrees(values[values.length - 1])}` : "none");
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (place) => 2 + (place * (SPARK.width - 4)) / Math.max(1, values.length - 1);
  const y = (value) => (high === low ? SPARK.height / 2 : SPARK.height - 3 - ((value - low) / (high - low)) * (SPARK.height - 6));
  const path = document.createElementNS(SVG, "polyline");
  path.setAttribute("points", values.map((value, place) => `${x(place).toFixed(1)},${y(value).toFixed(1)}`).join(" "));
  path.setAttribute("fill", "none");
  path.setAttribute("stroke", colour);
  path.setAttribute("stroke-width", "1.5");
  drawing.append(path);
  if (values.length === 1) path.setAttribute("points", `2,${y(values[0])} ${SPARK.width - 2},${y(values[0])}`);
  return drawing;
}

export class EventTable {
  constructor(onSelect) {
    const { made, body } = table("events", "Events of the topic, newest first", [
      ["Received", ""],
      ["Event", ""],
      ["Location", ""],
      ["Max, °F", "number"],
      ["Min, °F", "number"],
      ["Rain, %", "number optional"],
      ["Remark", "optional"],
    ]);
    this.element = made;
    this.body = body;
    this.rows = new Map();
    this.selected = null;
    this.onSelect = onSelect;
  }

  // Rows are added above and taken away below; those that stay are not touched, so a selection and the focus stay.
  draw(events) {
    const wanted = new Set(events.map((event) => event.id));
    for (const [id, line] of this.rows) {
      if (wanted.has(id)) continue;
      line.remove();
      this.rows.delete(id);
    }
    for (const event of events) {
      if (this.rows.has(event.id)) continue;
      const line = this.line(event);
      this.rows.set(event.id, line);
      this.body.prepend(line);
    }
  }

  line(event) {
    const line = element("tr");
    const open = element("button", "open", time(event.received));
    open.type = "button";
    open.setAttribute("aria-label", `Show the ${event.type} of ${event.location || "no location"} at ${time(event.received)}`);
    const first = element("td");
    first.append(open);
    const kind = element("td", "", event.type);
    kind.dataset.type = event.type;
    line.append(
      first,
      kind,
      element("td", "name", event.location),
      element("td", "number", degrees(event.high)),
      element("td", "number", degrees(event.low)),
      element("td", "number optional", degrees(event.chance)),
      element("td", "optional", event.problem),
    );
    line.addEventListener("click", () => this.onSelect(event.id));
    line.classList.toggle("selected", event.id === this.selected);
    return line;
  }

  select(id) {
    this.rows.get(this.selected)?.classList.remove("selected");
    this.selected = id;
    this.rows.get(id)?.classList.add("selected");
  }
}
