// Saves that are sent by this script, so that one without an answer leaves the text on the page.
// The server answers what it saved with the page to go to; for anything else nothing was saved,
// and the form goes out once more as browsers do it, whose answer is a page.

// True while nobody knows what became of a save: its text moves along as unsure.
const mark = (form, isUnsure) => form.toggleAttribute("data-unsure", isUnsure);

export const isOurs = (form, submitter) => "save" in form.dataset && !submitter?.name;

export async function save(form, { again, lost }) {
  if ("unsure" in form.dataset) return;  // a second click
  mark(form, true);
  let answer;
  try {
    answer = await fetch(form.action, {
      method: "POST", cache: "no-store", headers: { "HX-Request": "true" },
      body: new URLSearchParams(new FormData(form)),
    });
  } catch {
    lost();
    return;
  }
  const next = answer.headers.get("HX-Redirect");
  if (next) {
    location.assign(next);
    return;
  }
  mark(form, false);
  again();
}
