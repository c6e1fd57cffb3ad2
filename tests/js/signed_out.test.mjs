// A page whose sign-in is over says so, and only then.
import assert from "node:assert/strict";
import { test } from "node:test";

import { SAVE_TAKES } from "../../static/js/follower.js";
import { REFUSED, RENEWAL_TAKES } from "../../static/js/sign_in.js";
import { beating, connected } from "./setup.mjs";

test("a page whose session ended asks for a sign-in and does nothing more", async () => {
  const { world, page } = connected();
  world.signedOut = true;
  world.socket.closed(REFUSED);
  await world.pass(RENEWAL_TAKES);
  assert.equal(page.out, 1);
  assert.equal(page.state, "stale");
  const { sockets: { length } } = world;
  await world.pass(60_000);
  assert.equal(world.sockets.length, length);
  assert.equal(page.out, 1);
});

test("a session that was renewed meanwhile goes on", async () => {
  const all = connected();
  const { world, page, say, server } = all;
  world.socket.closed(REFUSED);
  await world.pass(1000);
  world.socket.opened();
  say(server.snapshot());
  await beating(all, RENEWAL_TAKES);
  assert.equal(page.out, 0);
  assert.equal(page.state, "live");
});

test("a save that is on its way is not cut off by the sign-in page", async () => {
  const { world, page, follower } = connected();
  world.signedOut = true;
  assert.equal(follower.hold(() => {}), false);
  world.socket.closed(REFUSED);
  await world.pass(SAVE_TAKES - 1);
  assert.equal(page.out, 0);
  await world.pass(RENEWAL_TAKES);
  assert.equal(page.out, 1);
});

test("any other end of the socket asks for no sign-in", async () => {
  const { world, page } = connected();
  world.signedOut = true;
  world.socket.closed(1006);
  await world.pass(30_000);
  assert.equal(page.out, 0);
});
