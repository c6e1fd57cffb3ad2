// When a page goes to the other OMM, when it stays, and what becomes of a save meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";

import * as core from "../../static/js/follower.js";
import { beating, connected, killed, opened, PEER } from "./setup.mjs";
import { status } from "./world.mjs";

const active = status("active", "other");

test("a killed OMM is left as soon as the other one is active, with the ticket", async () => {
  const all = connected();
  killed(all);
  await all.world.pass(300);
  assert.deepEqual(all.page.left, [], "the other one is not active yet");
  all.world.answers[PEER] = active;
  await all.world.pass(core.LOOK_EVERY);
  assert.deepEqual(all.page.left, [{ ticket: "t1", asked: false }]);
  assert.equal(all.page.state, "moving");
});

test("a hung OMM is left within 1.15 s of its last word", async () => {
  const { world, page } = connected();
  world.answers[""] = "hung";
  await world.pass(560);
  world.answers[PEER] = active;
  await world.pass(1150 - 560);
  assert.equal(page.left.length, 1);
});

test("an OMM that answers is not left, even if the other one is active too", async () => {
  const { world, page } = connected();
  world.socket.closed();
  world.answers[PEER] = active;
  await world.pass(20000);
  assert.deepEqual(page.left, []);
});

test("the document tells that the role is gone", async () => {
  const { world, page, say, server } = connected();
  world.answers[""] = status("standby");
  world.answers[PEER] = active;
  say(server.change("node", { role: "standby" }));
  await world.pass(core.LOOK_EVERY * 2);
  assert.equal(page.left.length, 1);
});

test("an OMM whose runtime failed is left for the active one", async () => {
  const { world, page, say, server } = connected();
  const peer = { role: "standby", in_contact: false };
  world.answers[""] = status("failed", "own", { peer });
  world.answers[PEER] = active;
  server.document = world.answers[""];
  say(server.snapshot());
  await world.pass(core.LOOK_EVERY * 2);
  assert.equal(page.left.length, 1);
});

test("a page of the standby itself stays while its OMM answers", async () => {
  const all = connected({ follow: "gone" });
  all.world.answers[""] = status("standby");
  all.world.answers[PEER] = active;
  all.say(all.server.change("node", { role: "standby" }));
  await beating(all, 5000);
  assert.deepEqual(all.page.left, []);
  killed(all);
  await all.world.pass(500);
  assert.equal(all.page.left.length, 1);
});

test("a page that only polls follows as well", async () => {
  const { world, page } = opened({ live: false });
  await world.pass(3000);
  assert.equal(page.state, "polling");
  world.answers[""] = null;
  world.answers[PEER] = active;
  await world.pass(1300 + core.LOOK_EVERY);
  assert.deepEqual(page.left, [{ ticket: null, asked: false }]);
});

test("text that cannot be taken along keeps the page, with an offer", async () => {
  const all = connected();
  all.page.mayLeave = ({ asked }) => asked;
  killed(all);
  all.world.answers[PEER] = active;
  await all.world.pass(1000);
  assert.deepEqual(all.page.left, []);
  assert.equal(all.page.offered, "other");
  all.follower.leave({ asked: true });
  assert.equal(all.page.left.length, 1);
});

test("the offer goes when the OMM is back", async () => {
  const all = connected();
  all.page.mayLeave = () => false;
  killed(all);
  all.world.answers[PEER] = active;
  await all.world.pass(500);
  assert.equal(all.page.offered, "other");
  all.world.answers[""] = status("active");
  await all.world.pass(500);
  assert.equal(all.page.offered, null);
});

test("a move that came to nothing is tried again", async () => {
  const all = connected();
  killed(all);
  all.world.answers[PEER] = active;
  await all.world.pass(500);
  assert.equal(all.page.left.length, 1);
  await all.world.pass(core.STILL_HERE + 1500);
  assert.equal(all.page.left.length, 2);
});

test("a save goes at once while the page is live", () => {
  const { follower } = connected();
  assert.equal(follower.hold(() => assert.fail("it was not held")), false);
});

test("a save goes at once while the page polls an OMM that answers", async () => {
  const { world, follower } = opened({ live: false });
  await world.pass(100);
  assert.equal(follower.hold(() => assert.fail("it was not held")), false);
});

test("a save on a silent page waits for the OMM's answer", async () => {
  const { world, follower } = connected();
  world.answers[""] = "hung";
  await world.pass(core.SUSPECT + 200);
  let sent = 0;
  assert.equal(follower.hold(() => { sent += 1; }), true);
  await world.pass(1000);
  assert.equal(sent, 0);
  const node = { role: "active", address: "own", accepts_changes: false };
  world.answers[""] = status("active", "own", { node });
  await world.pass(2000);
  assert.equal(sent, 0, "it answers, but would refuse the save");
  node.accepts_changes = true;
  await world.pass(2000);
  assert.equal(sent, 1);
});

test("an old word of an OMM that stood still lets no save go", async () => {
  const { world, follower, say, server } = connected();
  world.answers[""] = "hung";
  await world.pass(core.SUSPECT + 200);
  follower.hold(() => assert.fail("it was active before it stood still"));
  world.answers[""] = status("starting");
  say(server.beat());
  await world.pass(2000);
});

test("a save on a page whose OMM is gone moves along instead of being sent", async () => {
  const all = connected();
  killed(all);
  assert.equal(all.follower.hold(() => assert.fail("sent to nobody")), true);
  await all.world.pass(300);
  assert.ok(all.page.waits > 0);
  all.world.answers[PEER] = active;
  await all.world.pass(300);
  assert.equal(all.page.left.length, 1);
});

test("a save on its way is not cut off by a switch-over, only by silence", async () => {
  const { world, page, follower, say, server } = connected();
  follower.hold(() => {});
  world.answers[""] = status("standby");
  world.answers[PEER] = active;
  say(server.change("node", { role: "standby" }));
  await world.pass(1000);
  assert.deepEqual(page.left, []);
  world.answers[""] = null;
  world.socket.closed();
  await world.pass(500);
  assert.equal(page.left.length, 1);
});

test("through a proxy both OMMs answer at one address: the page goes when the other one does", async () => {
  const all = connected();
  const { world, page } = all;
  world.answers[PEER] = status("active"); // this OMM itself, seen through the proxy
  await beating(all, 3000);
  assert.deepEqual(page.left, []);
  world.socket.closed();
  world.answers[""] = status("active", "other");
  world.answers[PEER] = status("active", "other");
  await world.pass(500);
  assert.equal(page.left.length, 1);
});

test("over a slow link the other OMM is found as well", async () => {
  const all = connected();
  all.world.latency[PEER] = 1500;
  all.world.answers[PEER] = active;
  killed(all);
  await all.world.pass(6000);
  assert.equal(all.page.left.length, 1);
});

test("a save without an answer is sent again if this OMM is all right after all", async () => {
  const { world, page, follower } = connected();
  const sent = [];
  follower.lost(() => sent.push("again"));
  await world.pass(core.LOOK_EVERY);
  assert.deepEqual(sent, ["again"]);
  assert.deepEqual(page.left, []);
});

test("a save without an answer moves along when the other OMM is active", async () => {
  const all = connected();
  const sent = [];
  all.follower.hold(() => {});
  killed(all);
  all.follower.lost(() => sent.push("again"));
  all.world.answers[PEER] = active;
  await all.world.pass(core.LOOK_EVERY * 3);
  assert.equal(all.page.left.length, 1);
  assert.deepEqual(sent, []);
});
