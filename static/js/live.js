// An open page: its socket, its clock, its notices, and the way to the other OMM.
import { collect, LARGEST, put } from "./draft.js";
import { Follower } from "./follower.js";
import {
  config, hideMoved, localTimes, showBadge, showBrought, showDocument, showEvents, showMoved,
  showSignedOut, showWaiting,
} from "./render.js";
import { isOurs, save } from "./saving.js";

const language = document.documentElement.lang;  // what the socket says is in the page's language

const world = {
  now: () => performance.now(),
  date: () => new Date(),
  later: (ms, work) => setTimeout(work, ms),
  cancel: (timer) => clearTimeout(timer),
  random: () => Math.random(),
  isHidden: () => document.hidden,
  connect,
  status,
  isSignedOut,
};

function connect({ opened, heard, closed }) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const address = `${scheme}://${location.host}/ws/status/?language=${language}`;
  const socket = new WebSocket(address, ["omm.v1"]);
  socket.addEventListener("open", opened);
  socket.addEventListener("message", ({ data }) => heard(data));
  socket.addEventListener("close", ({ code }) => closed(code));
  return {
    ask: (type) => socket.send(JSON.stringify({ type })),
    close: () => socket.close(),
  };
}

async function status(origin, timeout) {
  try {
    const answer = await fetch(`${origin}/api/v1/status/?language=${language}`, {
      cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(timeout),
    });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// A page that asks for a sign-in redirects.
async function isSignedOut() {
  try {
    const answer = await fetch(location.href, {
      method: "HEAD", cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(5000),
    });
    return answer.type === "opaqueredirect";
  } catch {
    return false;
  }
}

const page = {
  show: (pair, events) => { showDocument(pair); showEvents(events); },
  badge: showBadge,
  leave,
  offer: (address) => showMoved(address, () => follower.leave({ asked: true })),
  withdraw: hideMoved,
  wait: showWaiting,
  signedOut,
};

// A question in the dialog has a page of its own; everything else is on the page that is open.
function openPath(forms) {
  const isAsking = forms?.length === 1 && forms[0].action !== "" && document.querySelector("dialog[open]");
  return isAsking ? forms[0].action : location.pathname + location.search;
}

// To the same page of the other OMM: a fresh ticket keeps the person signed in, unsaved text comes
// along. False: there is text, and it cannot be taken along; only who is asked may leave it.
function leave({ ticket, asked }) {
  const forms = collect(document.forms);
  const next = openPath(forms);
  const draft = forms && JSON.stringify({ path: next.split("?")[0], forms });
  const fits = !draft || (ticket && new TextEncoder().encode(draft).length <= LARGEST);
  if (!fits && !asked) return false;
  if (ticket) {
    const theme = document.documentElement.dataset.themeChoice ?? "";
    post(`${config.peer}/handover/`, { ticket, next, theme, language, ...(fits && draft ? { draft } : {}) });
  } else {
    location.assign(config.peer + next);
  }
  return true;
}

// To the sign-in page, which leads back here; text that would be lost can be copied first.
function signedOut() {
  if (collect(document.forms)) showSignedOut();
  else location.assign(location.pathname + location.search);
}

function post(action, values) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action, hidden: true });
  for (const [name, value] of Object.entries(values)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

const passing = new WeakSet();

// A save that this OMM would not answer waits until one does, or moves along as text.
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  const isSave = form.getAttribute("method") === "post" && !("goOn" in form.dataset);
  if (event.defaultPrevented || !isSave || passing.has(form)) return;
  const send = () => {
    passing.add(form);
    form.requestSubmit(submitter);
    passing.delete(form);
  };
  if (follower.hold(send)) {
    event.preventDefault();
  } else if (isOurs(form, submitter)) {
    event.preventDefault();
    save(form, { again: send, lost: () => follower.lost(send) });
  }
});

let follower;

function follow() {
  follower = new Follower(config, world, page);
  follower.start();
}

addEventListener("pagehide", () => follower.stop());
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  if (collect(document.forms)) follow();
  else location.reload();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) follower.shown(); });

localTimes();
if (config.draft) showBrought(put(config.draft.forms, document.forms));
follow();
document.querySelector("form[data-go-on]")?.requestSubmit();
