// What the server told: one snapshot, then numbered deltas. A number that does not follow the one
// before means that something is missing: the story is torn until the next snapshot.

export function applied(document, delta) {
  const changed = { ...document, ...delta.document };
  for (const key of delta.removed ?? []) delete changed[key];
  return changed;
}

export class Story {
  constructor(document) {
    this.document = document;
    this.events = [];
    this.seq = null;
  }

  get isTorn() { return this.seq === null; }

  tear() { this.seq = null; }

  // True when there is something new to show.
  take({ type, seq, document, events, removed }) {
    if (type === "snapshot") {
      Object.assign(this, { document, events, seq });
      return true;
    }
    if (type === "delta" && !this.isTorn && seq === this.seq + 1) {
      this.document = applied(this.document, { document, removed });
      this.events = events ?? this.events;
      this.seq = seq;
      return true;
    }
    const tellsWhere = type === "delta" || type === "beat";
    if (tellsWhere && seq !== this.seq) this.tear();
    return false;
  }
}
