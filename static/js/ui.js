// Small helps that need no connection: menus that close, questions in a dialog, light or dark,
// fields that depend on another, a countdown.
import { collect } from "./draft.js";
import { localTimes, text } from "./render.js";

document.addEventListener("click", ({ target }) => {
  document.querySelectorAll("details.drop-down[open]").forEach((menu) => {
    if (!menu.contains(target)) menu.open = false;
  });
});

document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  document.querySelectorAll("details.drop-down[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

// <fieldset data-when="id_ip_mode" data-is="local"> is shown only for that value, or to be mended.
function fit(part) {
  const field = document.getElementById(part.dataset.when);
  part.hidden = field.value !== part.dataset.is && !part.querySelector(".errors");
}

function depend(part) {
  fit(part);
  document.getElementById(part.dataset.when).addEventListener("change", () => fit(part));
}

document.querySelectorAll("[data-when]").forEach(depend);

// From the list of errors to a field. The address stays as it is: a fragment in it would keep the
// next page from putting the focus on its first error.
document.querySelectorAll("a[data-focus]").forEach((link) => {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById(link.hash.slice(1)).focus();
  });
});

// What saving is waiting for; a page that comes back from the browser's memory waits no more.
function sayWaiting(form, isWaiting) {
  form.querySelectorAll("[data-while-saving]").forEach((part) => {
    part.hidden = !isWaiting;
  });
}

addEventListener("submit", ({ target }) => sayWaiting(target, true));
addEventListener("pageshow", () => sayWaiting(document, false));

function count(element, timer) {
  const left = Math.ceil((Date.parse(element.dataset.deadline) - Date.now()) / 1000);
  element.textContent = left > 0 ? text("seconds_left", { seconds: left }) : text("over");
  if (left <= 0) {
    clearInterval(timer);
    setTimeout(() => collect(document.forms) || location.reload(), 2500);
  }
}

document.querySelectorAll("[data-deadline]").forEach((element) => {
  const timer = setInterval(() => count(element, timer), 1000);
  count(element, timer);
});

// Pages that ask before they act open as a dialog (htmx puts their question into it). What is not
// such a question, a sign-in page for instance, is opened as the page it is.
const dialog = document.getElementById("dialog");

dialog.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status === 200 && xhr.responseText.includes('id="ask"')) return;
  event.preventDefault();
  location.assign(requestConfig.path);
});

dialog.addEventListener("htmx:afterSwap", () => {
  dialog.querySelectorAll("[data-when]").forEach(depend);
  localTimes(dialog);
  dialog.showModal();
});

dialog.addEventListener("click", (event) => {
  if (event.target !== dialog && !event.target.closest("[data-close-dialog]")) return;
  event.preventDefault();
  dialog.close();
});

dialog.addEventListener("close", () => dialog.replaceChildren());

addEventListener("htmx:sendError", ({ detail }) => location.assign(detail.requestConfig.path));

// Light, dark, or as the system has it; theme.js keeps the choice and puts it on the page.
function showTheme() {
  const chosen = document.documentElement.dataset.themeChoice;
  document.querySelectorAll("button[data-theme-choice]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
  });
}

document.querySelectorAll(".theme").forEach((group) => {
  group.hidden = false;
  group.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    dispatchEvent(new CustomEvent("omm-theme", { detail: button.dataset.themeChoice }));
    showTheme();
  });
});
showTheme();

document.querySelectorAll("[data-close-note]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => button.closest(".notice").remove());
});
