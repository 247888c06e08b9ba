// How numbers, ages and moments are written, as components/formats.py writes them.

const counts = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const shortClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export const number = (value) => counts.format(value);
export const time = (seconds) => clock.format(seconds * 1000);
export const shortTime = (seconds) => shortClock.format(seconds * 1000);
export const degrees = (value) => (value === null ? "–" : String(Math.round(value * 10) / 10));
export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

export function age(seconds) {
  if (seconds < 1) return "now";
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

export function ago(seconds) {
  const words = age(Math.max(0, seconds));
  return words === "now" ? "just now" : `${words} ago`;
}

export function span(seconds) {
  if (seconds < 3600) return seconds === 60 ? "minute" : `${seconds / 60} minutes`;
  return seconds === 3600 ? "hour" : `${seconds / 3600} hours`;
}
