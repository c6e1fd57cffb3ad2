// As much of a form as draft.js looks at.

class Part {
  constructor(given) {
    Object.assign(this, { name: "", type: "text", value: "", disabled: false, said: [] }, given);
    if (given.options) {
      this.multiple = given.multiple ?? false;
      this.type = this.multiple ? "select-multiple" : "select-one";
    } else {
      this.defaultValue = given.defaultValue ?? this.value;
    }
    this.labels = given.label ? [{ textContent: ` ${given.label} ` }] : [];
  }

  closest(selector) { return selector === "[data-secret]" && this.secret ? this : null; }
  dispatchEvent(event) { this.said.push(event.type); }
}

export const field = (name, value, more = {}) => new Part({ name, value, label: name, ...more });
export const hidden = (name, value) => new Part({ name, value, type: "hidden" });
export const box = (name, checked, more = {}) =>
  new Part({ name, value: "on", type: "checkbox", checked, defaultChecked: checked, label: name, ...more });
export const select = (name, values, given, more = {}) => new Part({
  name,
  label: name,
  options: values.map((value, at) => ({
    value,
    text: `the ${value}`,
    defaultSelected: given.includes(value),
    selected: given.includes(value) || (given.length === 0 && !more.multiple && at === 0),
  })),
  ...more,
});

export function choose(part, ...values) {
  part.options.forEach((option) => { option.selected = values.includes(option.value); });
  return part;
}

export function form(elements, { method = "post", action = null, dataset = {} } = {}) {
  const attributes = { method, action };
  return { elements, dataset, getAttribute: (name) => attributes[name] };
}
