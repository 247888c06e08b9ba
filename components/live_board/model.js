// What the board knows of its view, put together from a whole picture and what changed since (services/live_wire.py).

const LISTED = 200;

export class Model {
  constructor() {
    this.ready = false;
    this.down = null;
    this.feed = null;
    this.offset = 0;
    this.clear();
  }

  clear() {
    this.seconds = 300;
    this.bucket = 5;
    this.names = [];
    this.more = 0;
    this.bands = new Map(); // location -> Map of start -> {high, low, removed}
    this.rates = new Map(); // start -> [insert, modify, remove, other]
    this.latest = new Map(); // location -> {type, received, high, low, chance, spark}
    this.events = []; // oldest first
    this.known = new Set();
    // Events listed since some were left out, or null when those listed are the newest without a gap.
    this.sinceGap = null;
  }

  // Whether events are missing among those listed.
  get gappy() {
    return this.sinceGap !== null && this.sinceGap < LISTED;
  }

  // The server's clock, in epoch seconds: what it sends is never later than that.
  now() {
    return Date.now() / 1000 + this.offset;
  }

  // Takes a message in; returns how many events were new.
  take(name, content) {
    this.offset = content.now - Date.now() / 1000;
    if (name === "down") {
      this.down = content;
      return 0;
    }
    this.down = null;
    if (name === "beat") {
      this.feed.heartbeat = content.heartbeat;
      this.feed.received = content.received;
      return 0;
    }
    if (name === "picture") {
      this.clear();
      this.seconds = content.seconds;
      this.bucket = content.bucket;
      this.ready = true;
    }
    if (content.feed) this.feed = content.feed;
    if (content.received !== undefined) this.feed.received = content.received;
    if (content.names) {
      this.names = content.names;
      this.more = content.more;
    }
    this.takeRows(content);
    const news = this.takeEvents(content, name === "picture");
    this.forget(content.end - this.seconds);
    return name === "picture" ? 0 : news;
  }

  takeRows(content) {
    for (const [start, location, high, low, removed] of content.bands ?? []) {
      if (!this.bands.has(location)) this.bands.set(location, new Map());
      this.bands.get(location).set(start, { high, low, removed });
    }
    for (const [start, ...counts] of content.rates ?? []) this.rates.set(start, counts);
    for (const [location, type, received, high, low, chance, spark] of content.latest ?? []) {
      this.latest.set(location, { type, received, high, low, chance, spark });
    }
  }

  takeEvents(content, whole) {
    // A picture leaves out older ones only, a change the first of many that came at once.
    const leftOut = whole ? 0 : content.unlisted ?? 0;
    if (leftOut > 0) this.sinceGap = 0;
    let news = leftOut;
    for (const [id, received, type, location, high, low, chance, problem] of content.events ?? []) {
      if (this.known.has(id)) continue;
      this.known.add(id);
      this.events.push({ id, received, type, location, high, low, chance, problem });
      this.feed.last = Math.max(this.feed.last ?? 0, received);
      news += 1;
      if (this.sinceGap !== null) this.sinceGap += 1;
    }
    for (const gone of this.events.splice(0, Math.max(0, this.events.length - LISTED))) {
      this.known.delete(gone.id);
    }
    return news;
  }

  // Drops what is older than the window, and locations that are not drawn any more.
  forget(begin) {
    const drawn = new Set(this.names);
    for (const [location, buckets] of this.bands) {
      for (const start of buckets.keys()) if (start < begin) buckets.delete(start);
      if (buckets.size === 0 || !drawn.has(location)) this.bands.delete(location);
    }
    for (const start of this.rates.keys()) if (start < begin) this.rates.delete(start);
    const oldest = [...this.latest].sort((a, b) => b[1].received - a[1].received).slice(24);
    for (const [location] of oldest) this.latest.delete(location);
  }
}
