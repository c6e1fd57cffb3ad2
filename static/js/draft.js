// Text that was typed and not saved: taken off the forms of a page that must move to the other
// OMM, and put into the same forms there. Never passwords, files, tokens of the page itself, nor
// what is marked data-secret.

export const LARGEST = 60000; // bytes of JSON; the server takes a little more

const NEVER = new Set(["password", "file", "submit", "button", "reset", "image", "fieldset", "output"]);
const TICKED = new Set(["checkbox", "radio"]);

const isPost = (form) => form.getAttribute("method")?.toLowerCase() === "post";
const isSecret = (part) => part.type === "password" || Boolean(part.closest("[data-secret]"));
const isHidden = (part) => part.type === "hidden";

function isCarried(part) {
  return Boolean(part.name) && part.name !== "csrfmiddlewaretoken" && !part.disabled
    && !NEVER.has(part.type) && !isSecret(part);
}

function isChanged(part) {
  if (TICKED.has(part.type)) return part.checked !== part.defaultChecked;
  if (!part.options) return part.value !== part.defaultValue;
  const options = [...part.options];
  const isSet = part.multiple || options.some((option) => option.defaultSelected);
  return options.some((option, at) =>
    option.selected !== (isSet ? option.defaultSelected : at === 0));
}

const chosen = (part) => [...part.options].filter((option) => option.selected);

function valuesOf(parts) {
  return parts.flatMap((part) => {
    if (TICKED.has(part.type)) return part.checked ? [part.value] : [];
    return part.options ? chosen(part).map((option) => option.value) : [part.value];
  });
}

const labelOf = (part) => part.labels?.[0]?.textContent.trim() || part.name;

// What people would recognise: the words of a choice instead of its value.
function shownOf(parts) {
  return parts.flatMap((part) => {
    if (TICKED.has(part.type)) return part.checked ? ["✓"] : [];
    return part.options ? chosen(part).map((option) => option.text.trim()) : [part.value];
  }).join(", ");
}

function draftOf(form) {
  const all = [...form.elements];
  const parts = all.filter(isCarried);
  const secrets = all.filter((part) => isSecret(part) && part.value && part.value !== part.defaultValue);
  const isUnsure = "unsure" in form.dataset; // it is compared whole with what is there
  const isTyped = "typed" in form.dataset || isUnsure; // what the server gave back is unsaved as well
  const seen = parts.filter((part) => !isHidden(part) && (isTyped || isChanged(part)));
  if (seen.length + secrets.length === 0) return null;
  const names = new Set([...seen, ...parts.filter(isHidden)].map((part) => part.name));
  const fields = [...names].map((name) => {
    const same = parts.filter((part) => part.name === name);
    const field = { name, values: valuesOf(same) };
    return isHidden(same[0]) ? field : { ...field, label: labelOf(same[0]), shown: shownOf(same) };
  });
  const draft = { action: form.getAttribute("action") ?? "", fields, retype: secrets.map(labelOf) };
  return isUnsure ? { ...draft, unsure: true } : draft;
}

// The unsaved text of these forms; null when there is none.
export function collect(forms) {
  const found = [...forms].filter(isPost).map(draftOf).filter(Boolean);
  return found.length > 0 ? found : null;
}

function fill(parts, values) {
  let isComplete = true;
  parts.forEach((part, at) => {
    if (TICKED.has(part.type)) {
      part.checked = values.includes(part.value);
    } else if (part.options) {
      const options = [...part.options];
      isComplete &&= values.every((value) => options.some((option) => option.value === value));
      if (isComplete) options.forEach((option) => { option.selected = values.includes(option.value); });
    } else {
      part.value = values[at] ?? part.value;
    }
  });
  return isComplete;
}

function tell(part) {
  for (const kind of ["input", "change"]) part.dispatchEvent(new Event(kind, { bubbles: true }));
}

function putForm(draft, forms) {
  const seen = draft.fields.filter((field) => "label" in field);
  const parts = (form, name) => [...form.elements].filter((part) => part.name === name && isCarried(part));
  const fits = (form) => seen.some(({ name }) => parts(form, name).length > 0);
  const able = forms.filter((form) => isPost(form) && fits(form));
  const form = able.find((each) => (each.getAttribute("action") ?? "") === draft.action) ?? able[0];
  if (!form) return seen;
  form.dataset.typed = "";
  const filled = draft.fields.map((field) => {
    const found = parts(form, field.name);
    return { field, found, isDone: found.length > 0 && fill(found, field.values) };
  });
  filled.forEach(({ found }) => found.forEach((part) => { if (!isHidden(part)) tell(part); }));
  return filled.filter(({ field, isDone }) => !isDone && "label" in field).map(({ field }) => field);
}

// Fill the forms; what found no place is returned, so that it can be shown.
export function put(drafts, forms) {
  return drafts.flatMap((draft) => putForm(draft, [...forms]));
}
