// In a long list of models the other two lists hold only a few; opened, they get all that the picker has.

document.addEventListener("toggle", ({ target, newState }) => {
  if (target.id !== "compare" || newState !== "open" || target.dataset.filled) return;
  if (!document.getElementById("model-open")) return;
  target.dataset.filled = "yes";
  const groups = [...document.querySelectorAll("#model optgroup")].slice(1);
  for (const select of target.querySelectorAll("select")) {
    select.append(...groups.map((group) => group.cloneNode(true)));
  }
}, true);
