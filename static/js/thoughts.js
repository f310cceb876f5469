// Thoughts that somebody has unfolded stay so when their reply is replaced by a newer form of it.

document.addEventListener("htmx:before:swap", ({ detail }) => {
  for (const { fragment } of detail.tasks) {
    for (const part of fragment?.querySelectorAll("[data-part=reasoning]") ?? []) {
      part.open = document.getElementById(part.id)?.open ?? false;
    }
  }
});
