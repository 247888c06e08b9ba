// Colours, shapes and patterns: what is told by colour is told by shape or pattern too.

export const TYPES = ["INSERT", "MODIFY", "REMOVE", "other"];
const DASHES = [[], [6, 3], [2, 2]];
const SHAPES = ["circle", "square", "triangle", "diamond", "plus", "down", "star", "ring"];

// The theme's colours as Streamlit names them on every component.
export function readTheme(element) {
  const style = getComputedStyle(element);
  const value = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const list = value("--st-chart-categorical-colors", "");
  return {
    text: value("--st-text-color", "#222"),
    border: value("--st-border-color", "#ccc"),
    background: value("--st-background-color", "#fff"),
    font: value("--st-font", "sans-serif"),
    series: list ? splitColours(list) : ["#0F766E", "#1D4ED8", "#B45309", "#7C3AED"],
    types: [
      value("--st-green-color", "#047857"),
      value("--st-blue-color", "#1D4ED8"),
      value("--st-red-color", "#B91C1C"),
      value("--st-gray-color", "#475569"),
    ],
  };
}

// Commas stand between colours, and within rgb(...).
function splitColours(list) {
  return list.split(/,(?![^(]*\))/).map((colour) => colour.trim());
}

// A location keeps its look for as long as the set of locations lasts.
export function look(theme, place) {
  const colours = theme.series.length;
  const round = Math.floor(place / colours);
  return {
    colour: theme.series[place % colours],
    // Those that share a colour differ in shape.
    shape: SHAPES[(place + 3 * round) % SHAPES.length],
    dash: DASHES[round % DASHES.length],
  };
}

export function drawShape(context, shape, x, y, size) {
  const r = size / 2;
  context.beginPath();
  if (shape === "circle" || shape === "ring") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") context.rect(x - r, y - r, size, size);
  else if (shape === "plus") {
    context.rect(x - r, y - r / 3, size, (2 * r) / 3);
    context.rect(x - r / 3, y - r, (2 * r) / 3, size);
  } else for (const [dx, dy] of CORNERS[shape]) context.lineTo(x + dx * r, y + dy * r);
  context.closePath();
  if (shape === "ring") context.stroke();
  else context.fill();
}

const CORNERS = {
  triangle: [[0, -1.1], [1, 0.8], [-1, 0.8]],
  down: [[0, 1.1], [1, -0.8], [-1, -0.8]],
  diamond: [[0, -1.2], [1, 0], [0, 1.2], [-1, 0]],
  star: Array.from({ length: 10 }, (_, i) => {
    const far = i % 2 === 0 ? 1.3 : 0.55;
    return [far * Math.sin((i * Math.PI) / 5), -far * Math.cos((i * Math.PI) / 5)];
  }),
};

// A filling for each type of event: plain, rising lines, crossed lines, dots.
export function fillings(context, theme) {
  theme.fillings ??= theme.types.map((colour, place) => {
    return place === 0 ? colour : pattern(context, colour, theme.background, place);
  });
  return theme.fillings;
}

function pattern(context, colour, background, place) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const pen = tile.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = pen.fillStyle = background;
  pen.lineWidth = 1;
  pen.beginPath();
  if (place === 3) pen.fillRect(2, 2, 2, 2);
  if (place === 1 || place === 2) lines(pen, [[-1, 7, 7, -1], [-1, 1, 1, -1], [5, 7, 7, 5]]);
  if (place === 2) lines(pen, [[-1, -1, 7, 7]]);
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

function lines(pen, found) {
  for (const [x1, y1, x2, y2] of found) {
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
  }
}
