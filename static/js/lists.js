// Lists exchange only their rows when they are searched, sorted or paged (htmx does it); the
// addresses are those that work without a script.
import { localTimes } from "./render.js";

const card = document.getElementById("list-card");
const path = ({ pathInfo, requestConfig }) => pathInfo?.finalRequestPath ?? requestConfig.path;

// Fields that are empty need no place in the address.
card.addEventListener("htmx:configRequest", ({ detail }) => {
  const { parameters } = detail;
  for (const [name, value] of Object.entries(parameters)) if (value === "") delete parameters[name];
});

card.addEventListener("htmx:load", ({ target }) => localTimes(target));

// No answer, or the other OMM is active now: live.js moves the page there, to this very view.
function remember({ detail }) {
  history.replaceState(history.state, "", path(detail));
}

card.addEventListener("htmx:sendError", (event) => {
  event.stopPropagation();
  remember(event);
});

card.addEventListener("htmx:responseError", (event) => {
  remember(event);
  const elsewhere = event.detail.xhr.getResponseHeader("OMM-Active");
  if (elsewhere) setTimeout(() => location.assign(elsewhere), 3000);
  else location.reload();
});
