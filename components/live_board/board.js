// The board of the page Live topic: follows a view by server-sent events and draws what comes, without the server's page.
//
// Streamlit calls the default export again whenever the component's data or the theme changes. Text from outside goes
// through textContent and fillText only.

import { drawRates, drawTemperatures } from "./charts.js";
import { Model } from "./model.js";
import { Stream } from "./stream.js";
import { TYPES, fillings, readTheme } from "./style.js";
import { EventTable, LatestTable, element } from "./tables.js";
import { Tooltip, describeRates, describeTemperatures, temperatureStarts } from "./tooltip.js";
import { age, ago, counted, number, span } from "./words.js";

const LABEL_EVERY_MS = 5_000;
const boards = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!boards.has(parentElement)) boards.set(parentElement, new Board(parentElement));
  const board = boards.get(parentElement);
  board.follow(data, setTriggerValue);
  const turn = ++board.turns;
  // Streamlit may end an earlier call after a later one has begun; only the last one's end is the end.
  return () => {
    if (board.turns !== turn) return;
    board.close();
    boards.delete(parentElement);
  };
}

class Board {
  constructor(parent) {
    this.turns = 0;
    this.model = new Model();
    this.connection = { word: "connecting", since: Date.now() };
    this.paused = null; // the moment at which the axis stands still
    this.missedWhilePaused = 0;
    this.highlight = null;
    this.labelledAt = 0;
    this.drawn = 0;
    this.asked = false;
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.build(parent);
    this.stream = new Stream({
      message: (name, content) => this.heard(name, content),
      state: (word) => this.connected(word),
      unavailable: (reason) => this.trigger("unavailable", reason),
    });
    this.resized = new ResizeObserver(() => this.ask());
    this.resized.observe(this.root);
    // The axis moves with the clock, also when nothing comes; slower for who asked for less motion.
    this.clock = setInterval(() => {
      if (!this.calm.matches || Date.now() % 5_000 < 1_000) this.ask();
    }, 1_000);
  }

  build(parent) {
    this.root = element("section", "board");
    this.root.setAttribute("aria-label", "Live topic");
    const bar = element("div", "bar");
    this.badge = element("span", "badge");
    this.pause = element("button", "pause", "Pause");
    this.pause.type = "button";
    this.pause.addEventListener("click", () => this.togglePause());
    this.facts = element("span", "facts");
    bar.append(this.badge, this.pause, this.facts);
    this.reason = element("p", "reason");
    this.reason.hidden = true;
    this.empty = element("p", "empty", "");
    this.temperatures = this.chart("temperatures", "Temperatures by location");
    this.rates = this.chart("rates", "Events");
    this.legend = element("p", "legend");
    this.rates.figure.append(this.legend);
    const charts = element("div", "charts");
    charts.append(this.temperatures.figure, this.rates.figure);
    this.note = element("p", "note");
    this.latest = new LatestTable((name) => {
      this.highlight = name;
      this.ask();
    });
    this.events = new EventTable((id) => {
      this.events.select(id);
      this.trigger("selected", id);
    });
    this.listNote = element("p", "note");
    this.full = element("div", "full");
    this.full.append(
      charts,
      this.note,
      element("h2", "", "Newest value of each location"),
      framed(this.latest.element, "frame"),
      element("h2", "", "Events"),
      framed(this.events.element, "frame list"),
      this.listNote,
    );
    this.root.append(bar, this.reason, this.empty, this.full);
    parent.append(this.root);
    const tips = [
      [this.temperatures, () => temperatureStarts(this.model), (start) => describeTemperatures(this.model, start)],
      [this.rates, () => [...this.model.rates.keys()], (start) => describeRates(this.model, start)],
    ];
    this.tips = tips.map(([{ figure, canvas }, starts, describe]) => new Tooltip(figure, canvas, this, starts, describe));
  }

  chart(name, title) {
    const figure = element("figure", name);
    const caption = element("figcaption", "", title);
    const canvas = element("canvas", "plot");
    canvas.setAttribute("role", "img");
    figure.append(caption, canvas);
    return { figure, caption, canvas };
  }

  follow(data, setTriggerValue) {
    this.trigger = setTriggerValue;
    this.theme = readTheme(this.root);
    this.swatched = false;
    if (data.url !== this.stream.url) {
      this.model = new Model();
      this.paused = null;
    }
    this.events.select(data.selected ?? null);
    this.stream.follow(data.url);
    this.ask();
  }

  heard(name, content) {
    const news = this.model.take(name, content);
    if (this.paused !== null) this.missedWhilePaused += news;
    this.ask();
  }

  connected(word) {
    if (word !== this.connection.word) this.connection = { word, since: Date.now() };
    this.ask();
  }

  togglePause() {
    this.paused = this.paused === null ? this.model.now() : null;
    this.missedWhilePaused = 0;
    this.ask();
  }

  // Draws in the next frame, once for however many reasons there were.
  ask() {
    if (this.asked || document.hidden) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  draw() {
    if (!this.root.isConnected) return;
    const { model } = this;
    this.drawState();
    const something = model.events.length > 0 || model.latest.size > 0 || model.rates.size > 0;
    this.full.hidden = !something;
    this.empty.hidden = something || !model.ready;
    this.empty.textContent = "No event that fits has arrived yet. Save a record on the page Weather, and it appears here.";
    if (something && (this.paused === null || !this.frozen)) this.drawAll(model.now());
    else if (something) this.drawCharts(this.paused);
    this.frozen = this.paused !== null;
    this.drawn += 1;
    this.root.dataset.drawn = this.drawn;
    this.root.dispatchEvent(new CustomEvent("live-board-drawn", { bubbles: true, composed: true, detail: model }));
  }

  drawAll(now) {
    this.drawCharts(now);
    const { model } = this;
    this.latest.draw(model, now, this.theme);
    this.events.draw(model.events);
    this.note.hidden = model.more === 0;
    this.note.textContent = `${counted(model.more, "more location")} in this window ${model.more === 1 ? "is" : "are"} not drawn; name those you want to see.`;
    this.listNote.textContent = model.gappy
      ? `Of the newest events that fit ${number(model.events.length)} are listed; so many came at once that some were left out. Select one to see its payload.`
      : `The newest ${counted(model.events.length, "event")} that fit. Select one to see its payload.`;
  }

  drawCharts(now) {
    const { model, theme } = this;
    if (!this.swatched) this.drawLegend();
    const bucket = model.bucket === 1 ? "second" : age(model.bucket);
    this.rates.caption.textContent = `Events per ${bucket}`;
    this.temperatures.caption.textContent = "Temperatures by location, °F: maximum and minimum, and × where a record was deleted";
    this.temperatures.canvas.plot = drawTemperatures(this.temperatures.canvas, model, now, theme, this.highlight);
    this.rates.canvas.plot = drawRates(this.rates.canvas, model, now, theme);
    if (Date.now() - this.labelledAt > LABEL_EVERY_MS) this.label();
  }

  // The pictures in words, not at each draw: a screen reader would never come to an end.
  label() {
    this.labelledAt = Date.now();
    const { model } = this;
    const newest = [...model.latest].slice(0, 8).map(([name, { high, low }]) => {
      return high === null ? `${name} deleted` : `${name} ${high} to ${low}`;
    });
    const sums = TYPES.map((name, kind) => {
      const sum = [...model.rates.values()].reduce((total, counts) => total + counts[kind], 0);
      return `${number(sum)} ${name}`;
    });
    const when = `in the last ${span(model.seconds)}`;
    this.temperatures.canvas.setAttribute(
      "aria-label",
      `Temperatures of ${counted(model.names.length, "location")} ${when}, °F. Newest: ${newest.join("; ") || "none"}. Arrow keys read the values.`,
    );
    this.rates.canvas.setAttribute("aria-label", `Events ${when}: ${sums.join(", ")}. Arrow keys read the values.`);
  }

  drawLegend() {
    this.swatched = true;
    this.legend.replaceChildren(
      ...TYPES.map((name, kind) => {
        const entry = element("span", "entry");
        const swatch = element("canvas", "swatch");
        swatch.width = swatch.height = 14;
        const pen = swatch.getContext("2d");
        pen.fillStyle = fillings(pen, this.theme)[kind];
        pen.fillRect(0, 0, 14, 14);
        entry.append(swatch, element("span", "", name));
        return entry;
      }),
    );
  }

  drawState() {
    const { word, kind, reason } = this.state();
    this.badge.textContent = word;
    this.root.dataset.state = this.badge.dataset.kind = kind;
    this.reason.hidden = !reason;
    this.reason.textContent = reason;
    this.pause.textContent = this.paused === null ? "Pause" : "Resume";
    this.pause.setAttribute("aria-pressed", String(this.paused !== null));
    const { feed } = this.model;
    if (!feed) return;
    const now = this.model.now();
    const facts = [feed.last ? `last event ${ago(now - feed.last)}` : "no event yet", `${number(feed.received)} received`];
    if (feed.missed) facts.push(`${number(feed.missed)} missed`);
    if (feed.malformed) facts.push(`${number(feed.malformed)} not a weather event`);
    if (feed.reconnects) facts.push(counted(feed.reconnects, "reconnect"));
    this.facts.textContent = facts.join(" · ");
  }

  // What holds of the whole way, from the topic to this screen: the first thing that is wrong on it.
  state() {
    const { feed, down } = this.model;
    const since = age((Date.now() - this.connection.since) / 1000);
    if (this.connection.word === "lost") {
      return { kind: "lost", word: `○ No connection to the dashboard for ${since}`, reason: "It is tried again. What is shown is old." };
    }
    if (!this.model.ready && !down) return { kind: "connecting", word: "◌ Connecting", reason: "" };
    if (down) return { kind: "down", word: "■ No subscription", reason: `${down.what} ${down.advice}`.trim() };
    if (feed.state !== "live") {
      const held = age(this.model.now() - feed.since);
      return { kind: feed.state, word: `○ Subscription ${feed.state} for ${held}`, reason: feed.reason };
    }
    if (this.paused !== null) {
      return { kind: "paused", word: `‖ Paused, ${counted(this.missedWhilePaused, "new event")}`, reason: "" };
    }
    return { kind: "live", word: "● Live by push", reason: "" };
  }

  close() {
    clearInterval(this.clock);
    this.resized.disconnect();
    this.stream.close();
    this.root.remove();
  }
}

// A box that scrolls by itself, also by the keyboard.
function framed(content, className) {
  const frame = element("div", className);
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", content.caption.textContent);
  frame.append(content);
  return frame;
}
