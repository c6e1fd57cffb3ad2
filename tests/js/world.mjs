// A world without time: timers run when the test says so, sockets and requests answer as it says.

export class World {
  constructor({ random = () => 0.5 } = {}) {
    this.clock = 1_000_000;
    this.timers = new Map();
    this.lastId = 0;
    this.random = random;
    this.hidden = false;
    this.signedOut = false;
    this.sockets = [];
    this.requests = [];
    this.answers = { "": null, "http://peer": null }; // a document, null (refused) or "hung"
    this.latency = {}; // ms that an origin's answers take
  }

  now() { return this.clock; }
  date() { return new Date(1_700_000_000_000 + this.clock); }
  isHidden() { return this.hidden; }

  later(ms, work) {
    this.lastId += 1;
    this.timers.set(this.lastId, { at: this.clock + ms, work });
    return this.lastId;
  }

  isSignedOut() { return Promise.resolve(this.signedOut); }

  cancel(id) { this.timers.delete(id); }

  connect(handlers) {
    const socket = { ...handlers, asked: [], isClosed: false };
    socket.ask = (type) => socket.asked.push(type);
    socket.close = () => { socket.isClosed = true; };
    this.sockets.push(socket);
    return socket;
  }

  status(origin, timeout) {
    this.requests.push({ origin, at: this.clock });
    const answer = this.answers[origin];
    const takes = answer === "hung" ? Infinity : this.latency[origin] ?? 0;
    if (takes === 0) return Promise.resolve(answer);
    return new Promise((resolve) => {
      this.later(Math.min(takes, timeout), () => resolve(takes <= timeout ? answer : null));
    });
  }

  get socket() { return this.sockets.at(-1); }

  // Let `ms` pass; promises are settled between timers.
  async pass(ms) {
    const end = this.clock + ms;
    await settled();
    for (;;) {
      const next = [...this.timers].filter(([, { at }]) => at <= end)
        .sort(([, one], [, other]) => one.at - other.at)[0];
      if (!next) break;
      const [id, { at, work }] = next;
      this.timers.delete(id);
      this.clock = Math.max(this.clock, at);
      work();
      await settled();
    }
    this.clock = end;
  }
}

export async function settled() {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
}

// What people would see.
export class Page {
  constructor() {
    Object.assign(this, {
      badges: [], drawn: null, draws: 0, left: [], offered: null, waits: 0, out: 0, mayLeave: () => true,
    });
  }

  show(document, events) {
    this.drawn = { document, events };
    this.draws += 1;
  }

  badge(state, since) {
    this.badges.push(state);
    this.since = since;
  }

  leave(way) {
    if (!this.mayLeave(way)) return false;
    this.left.push(way);
    return true;
  }

  offer(address) { this.offered = address; }
  withdraw() { this.offered = null; }
  wait() { this.waits += 1; }
  signedOut() { this.out += 1; }
  get state() { return this.badges.at(-1); }
}

export const status = (role, address = "own", more = {}) => ({
  node: { role, address },
  peer: { role: role === "active" ? "standby" : "active" },
  warnings: [],
  ...more,
});

// An OMM's end of the socket: numbers its messages as the consumer does.
export class Server {
  constructor(document) {
    this.document = document;
    this.events = [];
    this.seq = 0;
  }

  snapshot() {
    this.seq += 1;
    return { type: "snapshot", seq: this.seq, document: this.document, events: this.events };
  }

  beat() { return { type: "beat", seq: this.seq }; }

  // Undefined takes the key away.
  change(key, value) {
    const { [key]: _old, ...rest } = this.document;
    const put = value === undefined ? {} : { [key]: value };
    this.document = { ...rest, ...put };
    this.seq += 1;
    return { type: "delta", seq: this.seq, document: put, removed: value === undefined ? [key] : [] };
  }

  happen(event) {
    this.events = [event, ...this.events].slice(0, 5);
    this.seq += 1;
    return { type: "delta", seq: this.seq, events: this.events };
  }
}
