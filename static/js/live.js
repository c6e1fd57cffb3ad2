// Follows the pair: one WebSocket with numbered messages, polling when that fails, and the way
// to the other OMM when this one is no longer the active one.
import {
  config, hideMoved, localTimes, showBadge, showDocument, showEvents, showMoved,
} from "./render.js";

const SILENCE = 1300;         // ms without any message: look whether this OMM is all right
const SILENCE_TOO_LONG = 5000;
const CHASE_FAST = 120;       // ms between two looks for an active OMM, in the first seconds
const CHASE_FAST_FOR = 8000;
const STATUS_TIMEOUT = 400;
const POLL_AFTER_FAILURES = 3;
const TICKET_EVERY = 20000;
const TICKET_LIFE = 55000;

let doc = config.document;
let events = [];
let seq = null;
let socket = null;
let lastMessage = performance.now();
let failures = 0;
let lostAt = null;            // Date of the last news before contact was lost, else null
let lostSince = 0;
let chasing = false;
let leaving = false;
let isDirty = false;
let ticket = null;
let ticketAt = -TICKET_LIFE;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const jittered = (ms) => ms * (0.75 + Math.random() / 2);
const isActive = (status) => status?.node?.role === "active";

function ask(type) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type }));
}

function show() {
  showDocument(doc);
  showEvents(events);
}

function take(message) {
  if (message.type === "ticket") {
    ticket = message.ticket;
    ticketAt = performance.now();
  } else if (message.type === "snapshot") {
    ({ document: doc, events, seq } = message);
    show();
  } else if (message.type === "delta") {
    if (seq === null || message.seq !== seq + 1) {
      seq = null;
      ask("snapshot");
      return;
    }
    seq = message.seq;
    doc = { ...doc, ...message.document };
    for (const key of message.removed ?? []) delete doc[key];
    events = message.events ?? events;
    show();
  }
}

function heard(data) {
  lastMessage = performance.now();
  failures = 0;
  take(JSON.parse(data));
  if (seq === null) return;
  lostAt = null;
  if (config.follow === "role" && !isActive(doc) && doc.peer?.role === "active") {
    lose();
    return;
  }
  if (isActive(doc)) hideMoved();
  showBadge("live");
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/ws/status/`, ["omm.v1"]);
  socket = mine;
  mine.addEventListener("open", () => { lastMessage = performance.now(); ask("ticket"); });
  mine.addEventListener("message", ({ data }) => { if (mine === socket) heard(data); });
  mine.addEventListener("close", () => { if (mine === socket) dropped(); });
}

function dropped() {
  socket = null;
  seq = null;
  if (leaving) return;
  failures += 1;
  lose();
  const wait = jittered(Math.min(10000, 250 * 2 ** Math.min(failures, 6)));
  setTimeout(() => { if (!socket && !leaving) connect(); }, wait);
}

function lose() {
  if (lostAt === null) {
    lostAt = new Date(Date.now() - (performance.now() - lastMessage));
    lostSince = performance.now();
    showBadge("stale", lostAt);
  }
  chase();
}

async function status(origin) {
  if (origin === null) return null;
  try {
    const answer = await fetch(`${origin}/api/v1/status/`, {
      cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(STATUS_TIMEOUT),
    });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// Look at both OMMs until this one is back or the other one is active.
async function chase() {
  if (chasing) return;
  chasing = true;
  while (lostAt !== null && !leaving) {
    const [own, peer] = await Promise.all([status(""), status(config.peer)]);
    if (lostAt === null || leaving) break;
    const gone = config.follow === "role" ? !isActive(own) : own === null;
    if (gone && isActive(peer)) {
      if (isDirty) showMoved(peer.node.address, go);
      else { go(); break; }
    } else {
      if (isActive(own)) hideMoved();
      if (own === null) showBadge("stale", lostAt);
      else if (failures >= POLL_AFTER_FAILURES) poll(own);
    }
    await sleep(pause());
  }
  chasing = false;
}

function poll(own) {
  lostAt = new Date();
  doc = own;
  show();
  showBadge("polling");
}

function pause() {
  if (document.hidden) return jittered(3000);
  if (failures >= POLL_AFTER_FAILURES) return jittered(1000);
  return performance.now() - lostSince < CHASE_FAST_FOR ? CHASE_FAST : jittered(1000);
}

// To the same page of the other OMM; a fresh ticket keeps the person signed in there.
function go() {
  leaving = true;
  showBadge("moving");
  const next = location.pathname + location.search;
  if (ticket === null || performance.now() - ticketAt > TICKET_LIFE) {
    location.assign(config.peer + next);
    return;
  }
  const form = document.createElement("form");
  form.method = "post";
  form.action = `${config.peer}/handover/`;
  for (const [name, value] of Object.entries({ ticket, next })) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

// The server says something at least every second; a hung one keeps its sockets open.
function watch() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const silence = performance.now() - lastMessage;
  if (silence > SILENCE) lose();
  if (silence > SILENCE_TOO_LONG) {
    const silent = socket;
    dropped();
    silent.close();
  }
}

function start() {
  localTimes();
  document.addEventListener("input", ({ target }) => {
    if (target.form?.method === "post") isDirty = true;
  });
  document.addEventListener("submit", () => { isDirty = false; });
  addEventListener("pagehide", () => { leaving = true; });
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && lostAt === null && socket) ask("snapshot");
    if (!document.hidden && lostAt !== null) chase();
  });
  if (!config.live) {
    failures = POLL_AFTER_FAILURES;
    lostAt = new Date();
    chase();
    return;
  }
  connect();
  setInterval(watch, 200);
  setInterval(() => ask("ticket"), TICKET_EVERY);
}

start();
