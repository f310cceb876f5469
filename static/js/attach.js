// Files for a message: chosen, dropped or pasted, each is sent at once and becomes a chip.

const chips = () => document.getElementById("chips");
const door = () => document.querySelector("[data-attach]");
const under = (form) => `draft:files:${form?.dataset.conversation || "new"}`;
const going = new Map(); // chip → { file, xhr }, as long as it is not there
let waiting = false; // Send was pressed while files were on their way

function keptIds(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) || [];
  } catch {
    return [];
  }
}

function keepIds(name, ids) {
  try {
    if (ids.length) localStorage.setItem(name, JSON.stringify(ids));
    else localStorage.removeItem(name);
  } catch {} // private windows may refuse storage
}

const shownIds = () => [...chips().querySelectorAll("[data-id]")].map((chip) => chip.dataset.id);
const remember = () => keepIds(under(chips().closest("form")), shownIds());

function put(html, instead) {
  const found = document.createElement("template");
  found.innerHTML = html; // our own server's fragment
  const made = [...found.content.children];
  if (instead) instead.replaceWith(...made);
  else chips().append(...made);
  for (const each of made) window.htmx?.process(each);
  remember();
}

function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const at = Math.min(3, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const value = bytes / 1000 ** at;
  const style = { style: "unit", unit: units[at], maximumFractionDigits: value < 10 && at > 1 ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, style).format(value);
}

function button(label, text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = text ? "quiet again" : "quiet bare";
  if (text) made.textContent = text;
  else made.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#icon-close"/></svg>';
  made.ariaLabel = label;
  made.addEventListener("click", act);
  return made;
}

function drawn(file) {
  const chip = document.createElement("li");
  chip.className = "chip";
  chip.dataset.kind = /^image\/(?!svg)/.test(file.type) ? "image" : "other";
  chip.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#icon-file"/></svg><span class="cut"><bdi></bdi></span><small></small>';
  chip.querySelector("bdi").textContent = file.name;
  chip.querySelector("small").textContent = size(file.size);
  chip.append(button(`${door().dataset.remove} ${file.name}`, "", () => drop(chip)));
  chips().append(chip);
  chip.scrollIntoView({ block: "nearest" });
  return chip;
}

function drop(chip) {
  going.get(chip)?.xhr?.abort();
  going.delete(chip);
  chip.remove();
  settle();
}

function fail(chip, file, why, again) {
  going.delete(chip);
  chip.classList.add("failed");
  chip.querySelector("progress")?.remove();
  chip.querySelector("small").textContent = why;
  if (again) chip.append(button(`${door().dataset.retry} ${file.name}`, door().dataset.retry, () => { chip.remove(); bring(file); }));
  chip.scrollIntoView({ block: "nearest" });
  waiting = false;
  settle();
}

function said(xhr) {
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  return page.querySelector(".notice p, [role=alert], h1")?.textContent.trim() || door().dataset.failed;
}

function bring(file) {
  const { dataset } = door();
  const chip = drawn(file);
  if (!file.size) return fail(chip, file, dataset.empty, false);
  if (file.size > Number(dataset.mostBytes)) return fail(chip, file, dataset.tooLarge, false);
  if (chips().querySelectorAll(".chip:not(.failed)").length > Number(dataset.mostFiles)) return fail(chip, file, dataset.tooMany, false);
  const bar = document.createElement("progress");
  bar.max = file.size;
  bar.value = 0;
  bar.ariaLabel = file.name;
  chip.append(bar);
  const xhr = new XMLHttpRequest();
  going.set(chip, { file, xhr });
  xhr.upload.addEventListener("progress", (event) => {
    bar.max = event.total;
    bar.value = event.loaded;
    chip.querySelector("small").textContent = `${size(Math.min(event.loaded, file.size))} / ${size(file.size)}`;
  });
  xhr.addEventListener("load", () => {
    if (!going.delete(chip)) return;
    if (xhr.status !== 200) return fail(chip, file, said(xhr), xhr.status >= 429);
    if (!chip.isConnected) chips().append(chip);
    put(xhr.responseText, chip);
    settle();
  });
  xhr.addEventListener("error", () => going.has(chip) && fail(chip, file, dataset.failed, true));
  xhr.open("POST", dataset.url);
  xhr.setRequestHeader("HX-Request-Type", "partial");
  const form = new FormData();
  form.append("files", file, file.name);
  xhr.send(form);
}

function settle() {
  const note = document.querySelector("#composer .waits");
  if (note) note.textContent = waiting && going.size ? door().dataset.waits : "";
  if (going.size || !waiting) return;
  waiting = false;
  const form = document.getElementById("composer");
  form?.requestSubmit(form.querySelector(".send"));
}

// A draft that is opened again brings its files along.
async function restore() {
  const list = chips();
  if (!list || list.dataset.ready) return;
  list.dataset.ready = "yes";
  for (const chip of going.keys()) list.append(chip);
  const there = shownIds();
  const ids = keptIds(under(list.closest("form"))).filter((id) => !there.includes(id));
  if (!ids.length) return there.length && remember();
  const query = new URLSearchParams(ids.map((id) => ["id", id]));
  const answer = await fetch(`${door().dataset.url}?${query}`).catch(() => null);
  if (answer?.ok && list.isConnected) put(await answer.text());
}

document.addEventListener("change", ({ target }) => {
  if (!target.closest("[data-attach]")) return;
  [...target.files].forEach(bring);
  target.value = "";
});

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])];
  if (!files.length || !event.target.closest("#composer")) return;
  event.preventDefault();
  files.forEach(bring);
});

const holdsFiles = (event) => door() && [...(event.dataTransfer?.types || [])].includes("Files");
const mark = (on) => document.getElementById("composer")?.classList.toggle("dropping", on);

document.addEventListener("dragover", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  mark(true);
});
document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || mark(false));
document.addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  mark(false);
  [...event.dataTransfer.files].forEach(bring);
});

// What is on its way goes first: before everybody else who listens to a submit.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "composer" || event.submitter?.hasAttribute("formaction")) return;
  if (going.size) {
    event.preventDefault();
    event.stopImmediatePropagation();
    waiting = true;
    settle();
    return;
  }
  event.target.dataset.sentFiles = JSON.stringify(shownIds());
  if (!window.htmx) keepIds(under(event.target), []);
}, true);

document.addEventListener("htmx:after:request", ({ detail }) => {
  const form = detail.ctx.sourceElement;
  if (form?.id !== "composer" || !detail.ctx.response.raw.ok) return;
  const sent = JSON.parse(form.dataset.sentFiles || "[]");
  keepIds(under(form), keptIds(under(form)).filter((id) => !sent.includes(id)));
});

document.addEventListener("htmx:after:swap", () => {
  restore();
  if (chips()?.dataset.ready && door() && !going.size) remember();
});

// A picture whose file is gone says so.
document.addEventListener("error", ({ target }) => {
  if (!target.dataset?.missing) return;
  const words = document.createElement("span");
  words.className = "missing";
  words.textContent = target.dataset.missing;
  target.replaceWith(words);
}, true);

restore();
