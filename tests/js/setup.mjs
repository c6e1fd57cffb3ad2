// A follower in a world of the test's making.
import { Follower } from "../../static/js/follower.js";
import { Page, Server, status, World } from "./world.mjs";

export const PEER = "http://peer";

export function opened({ follow = "role", live = true, ...options } = {}) {
  const world = new World(options);
  const page = new Page();
  const document = status("active");
  world.answers[""] = document;
  world.answers[PEER] = status("standby", "other");
  const follower = new Follower({ live, follow, peer: PEER, document }, world, page);
  follower.start();
  const say = (message) => world.socket.heard(JSON.stringify(message));
  return { world, page, follower, server: new Server(document), say };
}

export function connected(options) {
  const all = opened(options);
  all.world.socket.opened();
  all.say(all.server.snapshot());
  all.say({ type: "ticket", ticket: "t1" });
  return all;
}

// The server's beats for `ms`, as long as it lives.
export async function beating({ world, say, server }, ms) {
  for (let passed = 0; passed < ms; passed += 500) {
    await world.pass(500);
    say(server.beat());
  }
}

export function killed({ world }) {
  world.answers[""] = null;
  world.socket.closed();
}
