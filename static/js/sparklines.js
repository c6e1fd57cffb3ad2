// The last hours in small charts, and who was active when: drawn from this OMM's own samples.
import { text } from "./render.js";

const REFRESH = 20000;
const HEIGHT = 84;
const EDGE = 16;  // px at either end in which a time would be cut off
const ROOM = { suspicion: 100 };  // a chart's least upper end, where it is not 1
const box = document.getElementById("sparklines");
const part = (name, root = box) => root.querySelector(`[data-part="${name}"]`);

const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const time = (seconds) => clock.format(new Date(seconds * 1000));
const isKnown = (value) => value !== null && value !== undefined;

function setText(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

// One measure: its line, what it is now, the least and the most; what the pointer is at.
class Chart {
  constructor(figure) {
    this.figure = figure;
    this.column = figure.dataset.column;
    this.unit = figure.dataset.unit ?? "";
    this.place = part("plot", figure);
    this.name = part("name", figure).textContent;
    this.values = [];
    this.plot = null;
    new ResizeObserver(() => this.fit()).observe(this.place);
  }

  show(samples) {
    this.samples = samples;
    this.values = samples[this.column];
    this.figure.hidden = !this.values.some(isKnown);
    if (this.figure.hidden) return;
    const data = [samples.at, this.values];
    if (this.plot) this.plot.setData(data);
    else this.plot = new globalThis.uPlot(this.options(), data, this.place);
    this.fit();
    this.tell();
  }

  fit() {
    const width = this.place.clientWidth;
    if (this.plot && width && width !== this.plot.width) {
      this.plot.setSize({ width, height: HEIGHT });
    }
  }

  words(value) {
    if (!isKnown(value)) return "–";
    return this.unit ? `${numbers.format(value)} ${this.unit}` : numbers.format(value);
  }

  // What a pointer is at; without one what is now, and the range for everybody.
  tell(index = null) {
    const isPointed = isKnown(index);
    const known = this.values.filter(isKnown);
    const now = this.words(this.values.at(-1));
    const range = { least: this.words(Math.min(...known)), most: this.words(Math.max(...known)) };
    const isSteady = range.least === range.most;
    const span = isSteady ? text("chart_steady") : text("chart_range", range);
    setText(part("now", this.figure), isPointed ? this.words(this.values[index]) : now);
    setText(part("range", this.figure), isPointed ? time(this.samples.at[index]) : span);
    this.place.setAttribute("aria-label", text("chart", {
      name: this.name, hours: this.samples.hours, now, ...range,
    }));
  }

  // Values with nothing known on either side, which no line would show.
  lonely() {
    const { values } = this;
    return [...values.keys()].filter((index) =>
      isKnown(values[index]) && !isKnown(values[index - 1]) && !isKnown(values[index + 1]));
  }

  options() {
    const paint = (name, element = this.place) => () => getComputedStyle(element)[name];
    const line = paint("color");
    const room = ROOM[this.column] ?? 1;
    return {
      width: this.place.clientWidth || 200,
      height: HEIGHT,
      padding: [6, 8, 0, 8],
      legend: { show: false },
      cursor: {
        y: false, drag: { x: false, y: false, setScale: false }, sync: { key: "sparklines" },
      },
      scales: { y: { range: (_plot, _least, most) => [0, Math.max(room, most) * 1.04] } },
      series: [{}, {
        stroke: line, fill: paint("outlineColor"), width: 1.5,
        points: { show: false, size: 4, fill: line, filter: () => this.lonely() },
      }],
      axes: [{
        stroke: paint("color", part("range", this.figure)),
        font: "12px system-ui, sans-serif",
        size: 22, gap: 3, space: 64,
        ticks: { show: false },
        grid: { stroke: paint("borderTopColor"), width: 1 },
        values: ({ scales: { x }, width }, splits) => splits.map((at) =>
          (Math.min(at - x.min, x.max - at) / (x.max - x.min) * width < EDGE ? "" : time(at))),
      }, { show: false }],
      hooks: { setCursor: [({ cursor }) => { if (this.plot) this.tell(cursor.idx); }] },
    };
  }
}

const SVG = "http://www.w3.org/2000/svg";
const BARS = { here: [3, 11], there: [8, 6], nobody: [0, 14] };  // y and height, of 14
const strip = part("strip");
const whoIs = (name) => strip.parentElement.querySelector(`[data-who="${name}"]`).textContent;

function owner(samples, index) {
  const shares = Object.keys(BARS).map((name) => [samples[name][index] ?? 0, name]);
  const [most, name] = shares.reduce((one, other) => (other[0] > one[0] ? other : one));
  return most > 0 ? name : null;
}

// Times of one owner, joined: {name, from, count}; nobody known makes no run.
function runs(samples) {
  const found = [];
  let last = null;
  for (const index of samples.at.keys()) {
    const name = owner(samples, index);
    if (name === null) last = null;
    else if (last?.name === name) last.count += 1;
    else found.push(last = { name, from: index, count: 1 });
  }
  return found;
}

function bar(name, from, count, title) {
  const [y, height] = BARS[name];
  const made = document.createElementNS(SVG, "rect");
  for (const [key, value] of Object.entries({ x: from, y, width: count, height, class: name })) {
    made.setAttribute(key, value);
  }
  made.append(document.createElementNS(SVG, "title"));
  made.firstChild.textContent = title;
  return made;
}

// A moment without an active OMM is marked, however short it was.
function showStrip(samples) {
  const said = ({ name, from }) => `${time(samples.at[from])} ${whoIs(name)}`;
  const found = runs(samples);
  const bars = found.map((run) => bar(run.name, run.from, run.count, said(run)));
  const marks = [...samples.at.keys()].filter((index) => samples.nobody[index] > 0).map((index) =>
    bar("nobody", index, 1, said({ name: "nobody", from: index })));
  strip.setAttribute("viewBox", `0 0 ${samples.at.length} 14`);
  strip.replaceChildren(...bars, ...marks);
  const seconds = samples.nobody.reduce((sum, value) => sum + (value ?? 0), 0);
  const without = seconds > 0 ? text("without_active", { seconds: numbers.format(seconds) }) : "";
  strip.setAttribute("aria-label",
    text("who_was_active", { list: found.slice(-8).map(said).join(", ") }) + (without && ` ${without}`));
  setText(part("without"), without);
  setText(part("from"), time(samples.at[0]));
  setText(part("to"), time(samples.at.at(-1) + samples.step));
  part("active").hidden = found.length === 0;
  part("empty").hidden = found.length > 0;
}

const charts = [...box.querySelectorAll("[data-column]")].map((figure) => new Chart(figure));
let hours = Number(box.querySelector('[aria-pressed="true"]').dataset.hours);
let asked = 0;
let askedAt = 0;

async function refresh() {
  asked += 1;
  askedAt = performance.now();
  const mine = asked;
  try {
    const answer = await fetch(`${box.dataset.samples}?hours=${hours}`, { cache: "no-store" });
    if (!answer.ok) return;
    const samples = await answer.json();
    if (mine !== asked) return;  // another period was chosen meanwhile
    box.hidden = false;
    charts.forEach((chart) => chart.show(samples));
    showStrip(samples);
  } catch {
    // no answer: what is drawn stays, the page's badge says that it is stale
  }
}

function refreshIfSeen() {
  if (!document.hidden && performance.now() - askedAt >= REFRESH) refresh();
}

function redraw() {
  charts.forEach(({ plot }) => plot?.redraw(false));
}

box.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-hours]");
  if (!button) return;
  hours = Number(button.dataset.hours);
  box.querySelectorAll("[data-hours]").forEach((each) =>
    each.setAttribute("aria-pressed", String(each === button)));
  refresh();
});

if (globalThis.uPlot) {
  document.addEventListener("visibilitychange", refreshIfSeen);
  new MutationObserver(redraw).observe(document.documentElement, {
    attributes: true, attributeFilter: ["data-bs-theme"],
  });
  setInterval(refreshIfSeen, 1000);
  refresh();
}
