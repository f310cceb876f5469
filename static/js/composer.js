// Enter sends, the box grows, and what was typed survives a reload, a lost network and a log-in page.

const fine = matchMedia("(hover: hover) and (pointer: fine)");
const box = () => document.querySelector("#composer textarea");
const draftName = (form) => `draft:${form.dataset.conversation || "new"}`;

function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.rows = 1;
  while (area.scrollHeight > area.clientHeight && area.rows < 12) area.rows += 1;
}

function readDraft(form) {
  try {
    return JSON.parse(localStorage.getItem(draftName(form))) || {};
  } catch {
    return {};
  }
}

// The server takes a key once. Sent again unchanged, a text keeps its key and stays one message;
// changed, it is another message and needs another key.
function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function keepDraft(form, sentKey) {
  const text = form.elements.text.value;
  try {
    if (text) localStorage.setItem(draftName(form), JSON.stringify({ text, sentKey }));
    else localStorage.removeItem(draftName(form));
  } catch {} // private windows may refuse storage; then there are no drafts
}

// Without a file a message needs words. Without scripts the server says so.
const bringsFiles = (form) => form.querySelector(".chip:not(.failed)") !== null;

function watchFiles(form) {
  const list = form.querySelector("#chips");
  const look = () => { form.elements.text.required = !bringsFiles(form); };
  new MutationObserver(look).observe(list, { childList: true, subtree: true, attributeFilter: ["class"] });
  look();
}

function restore() {
  const area = box();
  if (!area || area.dataset.ready) return;
  area.dataset.ready = "yes";
  watchFiles(area.form);
  const { key, text } = area.form.elements;
  const draft = readDraft(area.form);
  if (draft.text && !text.value) {
    text.value = draft.text;
    if (draft.sentKey) key.value = area.form.dataset.sent = draft.sentKey;
  }
  grow(area);
  // Who came to a certain message goes on from there.
  if (fine.matches && !location.hash && !document.querySelector(":popover-open")) area.focus({ preventScroll: true });
}

document.addEventListener("input", ({ target }) => {
  if (target !== box()) return;
  const { form } = target;
  if (form.elements.key.value === form.dataset.sent) form.elements.key.value = freshKey();
  keepDraft(form);
  grow(target);
});

document.addEventListener("keydown", (event) => {
  if (event.target !== box() || event.key !== "Enter") return;
  // On touch screens Enter is the only way to a new line.
  if (event.shiftKey || event.isComposing || event.keyCode === 229 || !fine.matches) return;
  event.preventDefault();
  const send = event.target.form.querySelector(".send");
  if (send && !send.disabled && (event.target.value.trim() || bringsFiles(event.target.form))) event.target.form.requestSubmit(send);
});

document.addEventListener("submit", ({ target, submitter }) => {
  if (target.matches("[data-logout]")) {
    const drafts = Object.keys(localStorage).filter((name) => name.startsWith("draft:"));
    for (const name of drafts) localStorage.removeItem(name);
  }
  const held = target.elements.held?.value; // a log-in that brings the message along
  if (held) localStorage.removeItem(`draft:${held.split("/")[2] || "new"}`);
  if (target.id !== "composer" || submitter?.hasAttribute("formaction")) return; // that is Stop
  target.dataset.sent = target.elements.key.value;
  if (window.htmx) keepDraft(target, target.dataset.sent);
  else localStorage.removeItem(draftName(target)); // a page answers, and gives a refused text back
});

// The starters send the model that is picked now, not the one the page came with.
document.addEventListener("change", ({ target }) => {
  if (target.id !== "model") return;
  for (const field of document.querySelectorAll(".starters [name=model]")) field.value = target.value;
});

document.addEventListener("htmx:after:request", ({ detail }) => {
  const form = detail.ctx.sourceElement;
  if (form?.id !== "composer" || !detail.ctx.response.raw.ok) return;
  // With another key by now, more was typed on the way: it comes back in the new box.
  if (form.elements.key.value === form.dataset.sent) localStorage.removeItem(draftName(form));
});

// Whoever sends is brought to the end, and stays there: afterwards the swap does not say whose it was.
document.addEventListener("htmx:before:swap", ({ detail }) => {
  if (detail.ctx?.sourceElement?.id !== "composer" || detail.ctx.response?.status >= 400) return;
  const scroll = document.querySelector(".scroll");
  if (scroll) scroll.scrollTop = scroll.scrollHeight;
});

document.addEventListener("htmx:after:swap", restore);

restore();
