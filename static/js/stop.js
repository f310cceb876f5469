// Esc stops the reply that is being written, unless it closes something first.

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
  if (document.querySelector(":popover-open, select:open")) return;
  document.querySelector("#send .stop:not(:disabled)")?.click();
});
