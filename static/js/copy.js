// Copy buttons, for a block of code and for a whole reply.

function addButtons() {
  const template = document.getElementById("copy-button");
  for (const caption of document.querySelectorAll(".code > figcaption:not(:has([data-copy]))")) {
    caption.append(template.content.firstElementChild.cloneNode(true));
  }
}

// Text as it is laid out, which only an attached element has, without the heads of the code blocks.
function withoutCaptions(source) {
  const copy = source.cloneNode(true);
  copy.querySelectorAll("figcaption").forEach((caption) => caption.remove());
  copy.removeAttribute("data-part");
  copy.classList.add("unseen");
  source.after(copy);
  const read = { text: copy.innerText.trimEnd(), html: copy.innerHTML };
  copy.remove();
  return read;
}

async function copy(source) {
  if (source.matches("pre")) return navigator.clipboard.writeText(source.innerText.trimEnd());
  const { text, html } = withoutCaptions(source);
  if (!window.ClipboardItem) return navigator.clipboard.writeText(text);
  const as = (type, content) => ({ [type]: new Blob([content], { type }) });
  await navigator.clipboard.write([
    new ClipboardItem({ ...as("text/plain", text), ...as("text/html", html) }),
  ]);
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const label = button.querySelector("span");
  const before = label.textContent;
  const code = button.closest(".code")?.querySelector("pre");
  const source = code ?? button.closest("article").querySelector("[data-part=text]");
  try {
    await copy(source);
  } catch {
    getSelection().selectAllChildren(source); // refused: the reader can still press Ctrl+C
    return;
  }
  label.textContent = button.dataset.done;
  setTimeout(() => { label.textContent = before; }, 1500);
});

document.addEventListener("htmx:after:swap", addButtons);
document.addEventListener("htmx:sse:after:message", addButtons);
addButtons();
