// Puts the status document on the page. Words, tones and icons come from the server (config),
// the markup of repeated parts from <template> elements: nothing is told twice.

export const config = JSON.parse(document.getElementById("pair-config").textContent);
const { kinds, warnings: warningTexts, texts } = config.labels;
const NOTHING = "–";
const GRAVITY = { error: 0, warning: 1, info: 2 };

export const text = (name, values = {}) =>
  texts[name].replace(/%\((\w+)\)s/g, (_all, key) => values[key]);

function peerState(doc) {
  if (!doc.peer) return "none";
  return (doc.peer.in_contact && doc.peer.role) || "no_contact";
}

function pairState(doc) {
  const peer = peerState(doc);
  if (doc.node.role !== "active" && peer !== "active") return "no_active";
  if (!doc.peer) return "single";
  const alone = doc.warnings.some((warning) => warning.code === "no_standby");
  if (alone || peer === "no_contact") return "no_standby";
  return doc.node.synchronised ? "synchronised" : "not_synchronised";
}

function sipState({ sip }) {
  if (!sip?.configured) return "none";
  if (sip.reachable === null || sip.reachable === undefined) return "unknown";
  return sip.reachable ? "reachable" : "unreachable";
}

function lag({ journal }) {
  if (!journal || journal.peer_seq === null || journal.peer_seq === undefined) return null;
  return Math.max(0, journal.seq - journal.peer_seq);
}

export function derived(doc) {
  return {
    ...doc,
    pair_state: pairState(doc),
    peer_state: peerState(doc),
    sip_state: sipState(doc),
    lag: lag(doc),
  };
}

const lookUp = (values, path) =>
  path.split(".").reduce((found, name) => (found === null ? undefined : found?.[name]), values);

function setText(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

function setIcon(element, name) {
  const source = `${config.icons}#${name}`;
  const use = element.querySelector("use");
  if (use && use.getAttribute("href") !== source) use.setAttribute("href", source);
}

function setLabel(element, label) {
  element.dataset.tone = label.tone;
  setIcon(element, label.icon);
  setText(element.querySelector("span"), label.text);
}

// Times are written in the reader's own time zone; the title keeps UTC.
const twoDigits = (number) => String(number).padStart(2, "0");

function localTime(at) {
  const day = localDay(at);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(":");
  return day === localDay(new Date()) ? clock : `${day} ${clock}`;
}

function localDay(at) {
  return [at.getFullYear(), twoDigits(at.getMonth() + 1), twoDigits(at.getDate())].join("-");
}

function setMoment(element, value) {
  if (value && !Number.isNaN(Date.parse(value))) {
    element.setAttribute("datetime", value);
    element.title = new Date(value).toISOString();
    setText(element, localTime(new Date(value)));
  } else {
    element.removeAttribute("datetime");
    element.removeAttribute("title");
    setText(element, NOTHING);
  }
}

export function localTimes(root = document) {
  root.querySelectorAll("time[datetime]").forEach((element) =>
    setMoment(element, element.getAttribute("datetime")));
}

function spanText(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60000)} min`;
}

function setLive(element, values) {
  const { live, kind } = element.dataset;
  const value = lookUp(values, live);
  if (kind in kinds) {
    setLabel(element, kinds[kind][value] ?? { text: NOTHING, tone: "idle", icon: "idle" });
  } else if (kind === "moment") {
    setMoment(element, value);
  } else if (value === null || value === undefined || value === "") {
    setText(element, NOTHING);
  } else {
    setText(element, kind === "ms" ? spanText(value) : String(value));
  }
}

function fromTemplate(id, { tone, icon, at, ...parts }) {
  const row = document.getElementById(id).content.firstElementChild.cloneNode(true);
  row.dataset.tone = tone;
  setIcon(row, icon);
  for (const [name, value] of Object.entries(parts)) {
    const element = row.querySelector(`[data-part="${name}"]`);
    if (element) {
      element.textContent = value;
      if (element.parentElement.hasAttribute("data-optional")) {
        element.parentElement.hidden = !value;
      }
    }
  }
  setMoment(row.querySelector("time"), at);
  return row;
}

function withoutTitle(message, title) {
  const rest = message.startsWith(title)
    ? message.slice(title.length).replace(/^[: ]+/, "")
    : message;
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

function warningRow(warning) {
  const known = warningTexts[warning.code] ?? { title: warning.message, advice: "" };
  const label = kinds.severity[warning.severity] ?? kinds.severity.warning;
  const row = fromTemplate("warning-row", {
    tone: label.tone,
    icon: label.icon,
    at: warning.since,
    severity: label.text,
    title: known.title,
    message: withoutTitle(warning.message, known.title),
    advice: warning.advice || known.advice,
  });
  return withLink(row, known.path);
}

function withLink(row, path) {
  if (path?.startsWith("/")) {
    row.querySelector("a").setAttribute("href", path);
    row.querySelector("a").hidden = false;
  }
  return row;
}

function eventRow(event) {
  const label = kinds.severity[event.severity] ?? kinds.severity.info;
  const row = fromTemplate("event-row", {
    tone: label.tone,
    icon: event.icon || label.icon,
    at: event.at,
    severity: label.text,
    message: event.message,
    node: event.node,
  });
  return withLink(row, event.path);
}

const shownLists = new Map();

// A list is built anew only when its content changed, so that screen readers stay quiet.
function setList(selector, rows, build) {
  const list = document.querySelector(selector);
  const content = JSON.stringify(rows);
  if (!list || shownLists.get(selector) === content) return;
  shownLists.set(selector, content);
  list.replaceChildren(...rows.map(build));
}

function setSaved(doc) {
  for (const notice of document.querySelectorAll("[data-unsafe-seq]")) {
    const confirmed = doc.journal?.peer_seq;
    if (confirmed === null || confirmed === undefined) continue;
    if (confirmed < Number(notice.dataset.unsafeSeq)) continue;
    notice.removeAttribute("data-unsafe-seq");
    notice.dataset.tone = "ok";
    setIcon(notice, "ok");
    notice.querySelector("p").textContent = text("now_safe");
  }
}

export function showDocument(doc) {
  const values = derived(doc);
  document.querySelectorAll("[data-live]").forEach((element) => setLive(element, values));
  document.querySelectorAll("[data-live-tone]").forEach((element) => {
    element.dataset.tone = kinds.pair[values.pair_state].tone;
  });
  document.querySelectorAll("progress[data-live-value]").forEach((element) => {
    const { liveMax } = element.dataset;
    if (liveMax) element.max = Math.max(1, lookUp(values, liveMax) ?? 1);
    element.value = lookUp(values, element.dataset.liveValue) ?? 0;
  });
  const byGravity = (one, other) =>
    (GRAVITY[one.severity] ?? 3) - (GRAVITY[other.severity] ?? 3);
  setList("#warnings", [...doc.warnings].sort(byGravity), warningRow);
  setSaved(doc);
}

export function showEvents(events) {
  setList("#events", events, eventRow);
  const empty = document.getElementById("events-empty");
  if (empty) empty.hidden = events.length > 0;
}

// The badge: live, live by polling, stale since a moment, or moving.
export function showBadge(state, since = null) {
  const badge = document.getElementById("live-badge");
  if (!badge) return;
  const label = kinds.badge[state];
  badge.dataset.state = state;
  badge.hidden = false;
  setLabel(badge, { ...label, text: since ? `${label.text} ${localTime(since)}` : label.text });
}

const moved = document.getElementById("moved");

function showNotice(words, go) {
  if (!moved) return;
  setText(moved.querySelector("p"), words);
  moved.querySelector("button").hidden = !go;
  moved.querySelector("button").onclick = go;
  moved.hidden = false;
}

// The other OMM is active, but unsaved text would be lost by going there unasked.
export const showMoved = (omm, go) => showNotice(text("moved", { omm }), go);

// A save waits until an OMM answers.
export const showWaiting = () => showNotice(text("waiting"), null);

// The session has ended while there is text on the page.
export const showSignedOut = () => showNotice(text("signed_out"), null);

export function hideMoved() {
  if (moved) moved.hidden = true;
}

// Of the text that was brought along, what found no field on this page can at least be copied.
export function showBrought(left) {
  const notice = document.getElementById("brought");
  if (!notice) return;
  const list = notice.querySelector("dl");
  list.replaceChildren(...left.flatMap(({ label, shown }) =>
    [["dt", label], ["dd", shown]].map(([tag, words]) =>
      Object.assign(document.createElement(tag), { textContent: words }))));
  list.hidden = left.length === 0;
  const words = notice.querySelector("p");
  words.replaceChildren(words.textContent); // said by screen readers, now that the page is there
}
