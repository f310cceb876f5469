// Remembers on wide screens whether the conversations are folded away; Esc closes the sheet.

const wide = matchMedia("(width >= 56rem)");
const fold = () => document.getElementById("fold");

function remembered() {
  try {
    return wide.matches && localStorage.getItem("folded") === "yes";
  } catch {
    return false;
  }
}

function setFold() {
  const box = fold();
  if (!box || box.dataset.ready) return;
  box.dataset.ready = "yes";
  box.checked = remembered();
}

document.addEventListener("change", ({ target }) => {
  if (target !== fold() || !wide.matches) return;
  try {
    localStorage.setItem("folded", target.checked ? "yes" : "no");
  } catch {} // private windows may refuse storage
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || wide.matches || !fold()?.checked) return;
  event.preventDefault();
  fold().checked = false;
  fold().focus();
});

document.addEventListener("htmx:after:swap", setFold);
setFold();
