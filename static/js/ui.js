// Small helps that need no connection: menus that close, fields that depend, a countdown.
import { text } from "./render.js";

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

// <fieldset data-when="id_ip_mode" data-is="local"> is shown only for that value.
function fit(part) {
  const field = document.getElementById(part.dataset.when);
  part.hidden = field.value !== part.dataset.is;
}

document.querySelectorAll("[data-when]").forEach((part) => {
  fit(part);
  document.getElementById(part.dataset.when).addEventListener("change", () => fit(part));
});

function count(element, timer) {
  const left = Math.ceil((Date.parse(element.dataset.deadline) - Date.now()) / 1000);
  element.textContent = left > 0 ? text("seconds_left", { seconds: left }) : text("over");
  if (left <= 0) {
    clearInterval(timer);
    setTimeout(() => location.reload(), 2500);
  }
}

document.querySelectorAll("[data-deadline]").forEach((element) => {
  const timer = setInterval(() => count(element, timer), 1000);
  count(element, timer);
});
