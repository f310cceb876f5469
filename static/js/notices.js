// A refusal can be dismissed, and goes away when the next thing works.

const clear = () => document.getElementById("notices").replaceChildren();

document.addEventListener("htmx:after:swap", () => {
  const notice = document.querySelector("#notices > .notice:not(:has([data-dismiss]))");
  notice?.append(document.getElementById("close-button").content.firstElementChild.cloneNode(true));
});

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-dismiss]")) clear();
});

document.addEventListener("htmx:after:request", ({ detail }) => {
  if (detail.ctx.response.raw.ok) clear();
});
