// A long list of models is searched instead of scrolled through. The select stays what is sent.

const MOST = 100; // rows at once
const part = (selector) => document.querySelector(`#picker ${selector}`);
const rows = () => [...document.querySelectorAll("#models-found [role=option]")];
let wasOpen = false;

function setUp() {
  const button = part("#model-open");
  if (!button?.hidden) return;
  part("select").hidden = true;
  button.hidden = false;
  if (wasOpen) button.focus();
  wasOpen = false;
}

function matches(words) {
  // What stands above the list stands in it too: who searches finds it once.
  const groups = [...part("select").querySelectorAll("optgroup")].slice(words.length ? 1 : 0);
  return groups.flatMap((group) => {
    const options = [...group.children].filter((option) => {
      const text = `${option.textContent} ${option.value} ${group.label}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    return options.length || !words.length ? [{ label: group.label, options }] : [];
  });
}

function row(option) {
  const made = document.createElement("div");
  made.role = "option";
  made.dataset.value = option.value;
  if (option.disabled) made.ariaDisabled = "true";
  made.append(...[...option.childNodes].map((node) => node.cloneNode(true)));
  return made;
}

function heading(label) {
  const made = document.createElement("small");
  made.role = "presentation";
  made.textContent = label;
  return made;
}

function show() {
  const words = part("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = part("#models-found");
  const groups = matches(words);
  let left = MOST;
  const made = groups.flatMap(({ label, options }) => {
    const some = options.slice(0, left);
    left -= some.length;
    return some.length || !options.length ? [heading(label), ...some.map(row)] : [];
  });
  found.replaceChildren(...made);
  rows().forEach((each, at) => { each.id = `found-${at}`; });
  const total = groups.reduce((sum, { options }) => sum + options.length, 0);
  const { none, more } = part("#models [role=status]").dataset;
  part("#models [role=status]").textContent = total > MOST ? more : total ? "" : none;
  mark(rows().find((each) => !each.ariaDisabled) || rows()[0]);
}

function mark(wanted) {
  for (const each of rows()) each.ariaSelected = String(each === wanted);
  part("input").setAttribute("aria-activedescendant", wanted?.id || "");
  wanted?.scrollIntoView({ block: "nearest" });
}

function pick(wanted) {
  if (!wanted || wanted.ariaDisabled) return;
  const select = part("select");
  part("#models").hidePopover();
  if (select.value === wanted.dataset.value) return;
  select.value = wanted.dataset.value;
  wasOpen = true;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

function step(key) {
  const all = rows();
  const at = all.findIndex((each) => each.ariaSelected === "true");
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 8, PageUp: at - 8 }[key];
  if (to === undefined) return false;
  mark(all[Math.min(Math.max(to, 0), all.length - 1)]);
  return true;
}

document.addEventListener("toggle", ({ target, newState }) => {
  if (target.id !== "models" || newState !== "open") return;
  part("input").value = "";
  show();
  part("input").focus();
}, true);

document.addEventListener("input", ({ target }) => {
  if (target.closest("#models")) show();
});

document.addEventListener("keydown", (event) => {
  if (!event.target.closest("#models") || event.isComposing) return;
  if (event.key === "Enter") pick(rows().find((each) => each.ariaSelected === "true"));
  else if (event.key === "Escape") part("#models").hidePopover(); // and not first what was typed
  else if (!step(event.key)) return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  pick(event.target.closest("#models-found [role=option]"));
  if (!event.target.closest("a[href='#model']") || !part("select[hidden]")) return;
  event.preventDefault();
  part("#model-open").focus();
  part("#models").showPopover();
});

document.addEventListener("htmx:after:swap", setUp);
setUp();
