// The stream of a view: opens it, keeps it open, and says when it cannot be had at all.

const HIDDEN_CLOSE_MS = 60_000; // A tab that nobody looks at gives its place free.
const SILENCE_MS = 25_000; // The server says something each 10 s.
const FIRST_ANSWER_MS = 8_000; // A proxy that collects the stream never lets its beginning through.
const AGAIN_MS = 2_000;
const MOST_REFUSALS = 2;

export class Stream {
  // `on` has message(name, content), state(word) with connecting, open or lost, and unavailable(reason).
  constructor(on) {
    this.on = on;
    this.url = null;
    this.source = null;
    this.opened = false;
    this.refusals = 0;
    this.timers = {};
    this.watchVisibility = () => this.visibilityChanged();
    document.addEventListener("visibilitychange", this.watchVisibility);
  }

  follow(url) {
    if (url === this.url) return;
    this.url = url;
    this.refusals = 0;
    this.open();
  }

  open() {
    this.shut();
    if (typeof EventSource === "undefined") {
      this.on.unavailable("unsupported");
      return;
    }
    this.on.state("connecting");
    const source = new EventSource(this.url);
    this.source = source;
    for (const name of ["picture", "change", "beat", "down"]) {
      source.addEventListener(name, (event) => this.heard(source, name, event.data));
    }
    source.onerror = () => this.failed(source);
    if (!this.opened) this.later("first", FIRST_ANSWER_MS, () => this.giveUp("silent"));
  }

  heard(source, name, data) {
    if (source !== this.source) return;
    this.cancel("first");
    this.later("silence", SILENCE_MS, () => this.open());
    this.opened = true;
    this.refusals = 0;
    this.on.state("open");
    this.on.message(name, JSON.parse(data));
  }

  failed(source) {
    if (source !== this.source) return;
    this.on.state("lost");
    this.cancel("silence");
    // While the browser tries again by itself there is nothing to do.
    if (source.readyState !== EventSource.CLOSED) return;
    this.refusals += 1;
    if (this.refusals >= MOST_REFUSALS) this.giveUp("refused");
    else this.later("again", AGAIN_MS, () => this.open());
  }

  giveUp(reason) {
    this.shut();
    this.on.unavailable(reason);
  }

  visibilityChanged() {
    if (document.hidden) {
      this.later("hidden", HIDDEN_CLOSE_MS, () => this.shut());
      return;
    }
    this.cancel("hidden");
    if (this.source === null && this.url !== null && this.opened) this.open();
  }

  shut() {
    for (const name of Object.keys(this.timers)) this.cancel(name);
    if (this.source !== null) this.source.close();
    this.source = null;
  }

  close() {
    this.shut();
    document.removeEventListener("visibilitychange", this.watchVisibility);
  }

  later(name, delay, act) {
    this.cancel(name);
    this.timers[name] = setTimeout(act, delay);
  }

  cancel(name) {
    clearTimeout(this.timers[name]);
    delete this.timers[name];
  }
}
