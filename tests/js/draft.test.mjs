// Unsaved text: what is taken along, what never is, and where it is put.
import assert from "node:assert/strict";
import { test } from "node:test";

import { collect, put } from "../../static/js/draft.js";
import { box, choose, field, form, hidden, select } from "./form.mjs";

const names = (drafts) => drafts[0].fields.map(({ name }) => name);

test("forms that nobody touched hold nothing", () => {
  const parts = [field("name", "Hall"), box("dect_on", true), select("site", ["", "1"], []), hidden("version", "3")];
  assert.equal(collect([form(parts)]), null);
  assert.equal(collect([form([field("q", "x", { defaultValue: "" })], { method: "get" })]), null);
});

test("what differs is taken, with the version that the editing began with", () => {
  const drafts = collect([form([
    hidden("csrfmiddlewaretoken", "secret"), hidden("version", "3"),
    field("name", "Front desk", { defaultValue: "Hall" }), field("room", "12"),
    box("dect_on", false, { defaultChecked: true }), choose(select("site", ["", "1"], [""]), "1"),
    choose(select("days", ["a", "b", "c"], ["a"], { multiple: true }), "b", "c"),
  ])]);
  assert.deepEqual(drafts, [{
    action: "",
    fields: [
      { name: "name", values: ["Front desk"], label: "name", shown: "Front desk" },
      { name: "dect_on", values: [], label: "dect_on", shown: "" },
      { name: "site", values: ["1"], label: "site", shown: "the 1" },
      { name: "days", values: ["b", "c"], label: "days", shown: "the b, the c" },
      { name: "version", values: ["3"] },
    ],
    retype: [],
  }]);
});

test("secrets are never taken, only that they must be typed again", () => {
  const drafts = collect([form([
    field("password", "hunter2", { type: "password", defaultValue: "" }),
    field("key", "abc", { defaultValue: "", secret: true }),
    field("backup", "C:\\file", { type: "file", defaultValue: "" }),
    field("name", "x", { defaultValue: "" }),
  ])]);
  assert.deepEqual(names(drafts), ["name"]);
  assert.deepEqual(drafts[0].retype, ["password", "key"]);
  assert.ok(!JSON.stringify(drafts).includes("hunter2"));
  assert.deepEqual(collect([form([field("p", "x", { type: "password", defaultValue: "" })])])[0].retype, ["p"]);
});

test("what the server gave back with errors is unsaved too", () => {
  const drafts = collect([form([field("name", "Hall")], { dataset: { typed: "" } })]);
  assert.deepEqual(names(drafts), ["name"]);
});

test("fields that may not be changed are left out", () => {
  assert.equal(collect([form([field("name", "x", { defaultValue: "", disabled: true })])]), null);
});

test("put into the same form, it is as it was, and other parts of the page are told", () => {
  const typed = () => [
    hidden("version", "3"), field("name", "Front desk", { defaultValue: "Hall" }),
    box("dect_on", false, { defaultChecked: true }), choose(select("site", ["", "1"], [""]), "1"),
    box("kind", false, { type: "radio", value: "a", defaultChecked: true }),
    box("kind", true, { type: "radio", value: "b", defaultChecked: false }),
  ];
  const fresh = form([
    hidden("version", "4"), field("name", "Hall"), box("dect_on", true), select("site", ["", "1"], [""]),
    box("kind", true, { type: "radio", value: "a" }), box("kind", false, { type: "radio", value: "b" }),
  ]);
  const left = put(JSON.parse(JSON.stringify(collect([form(typed())]))), [fresh]);
  assert.deepEqual(left, []);
  const [version, name, dectOn, site, one, other] = fresh.elements;
  assert.equal(version.value, "3", "so that a stale edit is noticed");
  assert.equal(name.value, "Front desk");
  assert.equal(dectOn.checked, false);
  assert.deepEqual(site.options.map((option) => option.selected), [false, true]);
  assert.deepEqual([one.checked, other.checked], [false, true]);
  assert.deepEqual(name.said, ["input", "change"]);
  assert.deepEqual(version.said, []);
  assert.ok("typed" in fresh.dataset);
  assert.deepEqual(collect([fresh])[0].fields.map(({ name: each }) => each).sort(),
    ["dect_on", "kind", "name", "site", "version"], "and moves on once more");
});

test("among several forms it finds its own", () => {
  const draft = collect([form([field("name", "x", { defaultValue: "" })], { action: "/b/" })]);
  const forms = [
    form([field("other", "")]), form([field("name", "")], { action: "/a/" }),
    form([field("name", "")], { action: "/b/" }),
  ];
  put(draft, forms);
  assert.deepEqual(forms.map(({ elements }) => elements[0].value), ["", "", "x"]);
});

test("what finds no place is given back to be shown", () => {
  const draft = collect([form([
    field("name", "x", { defaultValue: "" }), field("gone", "long text", { defaultValue: "" }),
    choose(select("site", ["", "1"], [""]), "1"), hidden("version", "1"),
  ])]);
  const left = put(draft, [form([field("name", ""), select("site", ["", "2"], [""])])]);
  assert.deepEqual(left.map(({ label, shown }) => [label, shown]), [["gone", "long text"], ["site", "the 1"]]);
  assert.equal(put(draft, []).length, 3);
});

test("a save that nobody knows the end of takes all fields along, to be compared", () => {
  const saved = form([hidden("version", "3"), field("name", "Hall"), box("dect_on", false)]);
  saved.dataset.unsure = "";
  const [draft] = collect([saved]);
  assert.equal(draft.unsure, true);
  assert.deepEqual(draft.fields.map(({ name }) => name), ["name", "dect_on", "version"]);
});
