// What an open page knows, and how it finds out that it is not current.
import assert from "node:assert/strict";
import { test } from "node:test";

import * as core from "../../static/js/follower.js";
import { beating, connected, killed, opened } from "./setup.mjs";
import { Page, status, World } from "./world.mjs";

test("a snapshot makes the page live, deltas keep it current", () => {
  const { page, say, server } = connected();
  assert.equal(page.state, "live");
  say(server.change("journal", { seq: 7 }));
  assert.deepEqual(page.drawn.document.journal, { seq: 7 });
  say(server.change("journal", undefined));
  assert.ok(!("journal" in page.drawn.document));
  say(server.happen({ id: "1" }));
  assert.deepEqual(page.drawn.events, [{ id: "1" }]);
});

test("a gap asks for a new snapshot until one comes", () => {
  const { world, page, say, server } = connected();
  server.change("lost", 1);
  say(server.change("journal", 1));
  assert.ok(!("journal" in page.drawn.document), "a delta on the wrong ground is not shown");
  say(server.beat());
  assert.equal(world.socket.asked.filter((type) => type === "snapshot").length, 2);
  say(server.snapshot());
  assert.deepEqual(page.drawn.document, server.document);
});

test("a beat with another number shows that the last delta was lost", () => {
  const { world, say, server } = connected();
  server.change("lost", 1);
  say(server.beat());
  assert.equal(world.socket.asked.at(-1), "snapshot");
});

test("a message of an old socket is ignored", async () => {
  const { world, page, server } = connected();
  const old = world.socket;
  old.closed();
  await world.pass(1000);
  assert.equal(world.sockets.length, 2);
  const drawn = page.draws;
  old.heard(JSON.stringify(server.snapshot()));
  assert.equal(page.draws, drawn);
});

test("silence is looked into quietly, then told", async () => {
  const { world, page } = connected();
  const last = world.date().getTime();
  world.answers[""] = "hung";
  await world.pass(core.SUSPECT + core.WATCH_EVERY);
  assert.ok(world.requests.length > 0);
  assert.equal(page.state, "live");
  await world.pass(core.SILENCE - core.SUSPECT);
  assert.equal(page.state, "stale");
  assert.equal(page.since.getTime(), last);
});

test("a late message is no reason to go anywhere", async () => {
  const all = connected();
  await all.world.pass(1100);
  all.say(all.server.beat());
  await all.world.pass(400);
  all.say(all.server.beat());
  assert.equal(all.page.state, "live");
  assert.deepEqual(all.page.left, []);
  const asked = all.world.requests.length;
  assert.ok(asked > 0);
  await beating(all, 3000);
  assert.equal(all.world.requests.length, asked, "and nobody is asked any more");
});

test("reconnecting backs off to ten seconds, with jitter", async () => {
  for (const chance of [0, 0.999]) {
    assert.ok(core.backOff(1, chance) >= 375 && core.backOff(1, chance) <= 625);
    assert.ok(core.backOff(50, chance) >= 7500 && core.backOff(50, chance) <= 12500);
  }
  assert.notEqual(core.backOff(3, 0.1), core.backOff(3, 0.9));
  const { world } = connected();
  for (let round = 0; round < 10; round += 1) {
    world.socket.closed();
    for (const sockets = world.sockets.length; world.sockets.length === sockets;) await world.pass(50);
  }
  const sockets = world.sockets.length;
  world.socket.closed();
  await world.pass(9950);
  assert.equal(world.sockets.length, sockets);
  await world.pass(100);
  assert.equal(world.sockets.length, sockets + 1);
});

test("after three failed sockets it polls, and is live again when one works", async () => {
  const all = connected();
  for (let round = 0; round < core.POLL_AFTER_FAILURES; round += 1) {
    all.world.socket.closed();
    await all.world.pass(3000);
  }
  assert.equal(all.page.state, "polling");
  all.world.answers[""] = status("active", "own", { journal: { seq: 99 } });
  await all.world.pass(1500);
  assert.deepEqual(all.page.drawn.document.journal, { seq: 99 });
  const before = all.world.requests.length;
  await all.world.pass(10000);
  const asked = all.world.requests.slice(before);
  assert.ok(asked.length <= 14, `${asked.length} requests in 10 s`);
  assert.ok(asked.every(({ origin }) => origin === ""), "the other OMM is left in peace");
  all.world.socket.opened();
  all.say(all.server.snapshot());
  assert.equal(all.page.state, "live");
});

test("a hung socket is replaced", async () => {
  const { world } = connected();
  const hung = world.socket;
  await world.pass(core.HUNG + core.WATCH_EVERY);
  assert.ok(hung.isClosed);
  await world.pass(1000);
  assert.notEqual(world.socket, hung);
});

test("a hidden page draws nothing, looks seldom, and is current when shown", async () => {
  const all = connected();
  all.world.hidden = true;
  const drawn = all.page.draws;
  all.say(all.server.change("journal", 1));
  await all.world.pass(1000);
  assert.equal(all.page.draws, drawn);
  assert.equal(all.world.requests.length, 0, "a short silence does not matter now");
  killed(all);
  await all.world.pass(10000);
  assert.ok(all.world.requests.length <= 12, `${all.world.requests.length} requests`);
  all.world.hidden = false;
  all.world.answers["http://peer"] = status("active", "other");
  all.follower.shown();
  await all.world.pass(10);
  assert.equal(all.page.left.length, 1, "shown again it looks at once");
});

test("shown again while all is well it asks for a fresh snapshot", () => {
  const { world, page, follower, say, server } = connected();
  world.hidden = true;
  say(server.change("journal", 5));
  world.hidden = false;
  follower.shown();
  assert.equal(page.drawn.document.journal, 5);
  assert.equal(world.socket.asked.at(-1), "snapshot");
});

test("a page that went away does nothing any more", async () => {
  const all = connected();
  all.follower.stop();
  killed(all);
  const asked = all.world.requests.length;
  await all.world.pass(60000);
  assert.equal(all.world.requests.length, asked);
  assert.equal(all.world.sockets.length, 1);
});

test("without another OMM nobody else is asked", async () => {
  const world = new World();
  const config = { live: true, follow: "role", peer: null, document: status("active") };
  new core.Follower(config, world, new Page()).start();
  world.socket.closed();
  await world.pass(5000);
  assert.ok(world.requests.length > 0);
  assert.ok(world.requests.every(({ origin }) => origin === ""));
});

test("a ticket is renewed, asked for again when lost, and not used when old", async () => {
  const all = connected();
  const first = all.world.socket.asked.filter((type) => type === "ticket").length;
  await beating(all, core.TICKET_EVERY + core.TICKET_RETRY * 2 + 500);
  const asked = all.world.socket.asked.filter((type) => type === "ticket").length;
  assert.ok(asked - first >= 2, `asked ${asked - first} times more`);
  all.say({ type: "ticket", ticket: "t2" });
  await beating(all, 5000);
  assert.equal(all.world.socket.asked.filter((type) => type === "ticket").length, asked);
  assert.equal(all.follower.freshTicket(), "t2");
  killed(all);
  await all.world.pass(core.TICKET_LIFE);
  assert.equal(all.follower.freshTicket(), null);
});

// A line that drops, doubles and reorders messages and tears: whatever happened, once it is quiet
// the page shows what the server has.
function chance(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

class BadLine {
  constructor(all, random) {
    Object.assign(this, all, { random, waiting: [], faults: 0, torn: 0 });
  }

  send(message) {
    const what = this.random();
    if (what < 0.15) this.faults += 1; // lost
    const copies = { true: 0 }[what < 0.15] ?? (what < 0.3 ? 2 : 1);
    for (let copy = 0; copy < copies; copy += 1) {
      const at = this.random() < 0.3 ? 0 : this.waiting.length;
      this.waiting.splice(at, 0, JSON.stringify(message));
    }
  }

  act(step) {
    const what = this.random();
    const key = `k${Math.floor(this.random() * 4)}`;
    if (what < 0.5) this.send(this.server.change(key, step));
    else if (what < 0.6) this.send(this.server.change(key, undefined));
    else if (what < 0.75) this.send(this.server.happen({ id: step }));
    else if (what < 0.95) this.send(this.server.beat());
    else this.tear();
  }

  tear() {
    this.torn += 1;
    this.world.socket.closed();
  }

  // Some of what waits arrives, some questions are answered, time passes.
  async flow() {
    while (this.waiting.length > 0 && this.random() < 0.7) {
      this.world.socket.heard(this.waiting.shift());
    }
    if (this.world.socket.asked.splice(0).includes("snapshot")) this.send(this.server.snapshot());
    await this.pass(this.random() * 300, (message) => this.send(message));
  }

  async pass(ms, send) {
    const sockets = this.world.sockets.length;
    await this.world.pass(ms);
    if (this.world.sockets.length === sockets) return;
    this.waiting.length = 0;
    this.world.socket.opened();
    send(this.server.snapshot());
  }

  async quiet() {
    for (let beat = 0; beat < 30; beat += 1) {
      await this.pass(500, this.say);
      this.say(this.server.beat());
      if (this.world.socket.asked.splice(0).includes("snapshot")) this.say(this.server.snapshot());
    }
  }
}

test("after any disorder of the line the page shows what the server has", async () => {
  let faults = 0;
  let torn = 0;
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = chance(seed);
    const line = new BadLine(opened({ random }), random);
    line.world.socket.opened();
    line.send(line.server.snapshot());
    for (let step = 0; step < 120; step += 1) {
      line.act(step);
      await line.flow();
    }
    await line.quiet();
    const { document, events } = line.server;
    assert.deepEqual(line.page.drawn, { document, events }, `seed ${seed}`);
    assert.equal(line.page.state, "live", `seed ${seed}`);
    faults += line.faults;
    torn += line.torn;
  }
  assert.ok(faults > 1000 && torn > 300, `the line was bad: ${faults} lost, ${torn} times torn`);
});
