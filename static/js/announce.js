// A finished reply is read aloud once, never while it grows.

const growing = new Set();

function announce() {
  for (const reply of document.querySelectorAll("[data-reply]")) {
    const id = reply.dataset.reply;
    if (/pending|streaming/.test(reply.dataset.state)) growing.add(id);
    else if (growing.delete(id)) {
      const text = reply.querySelector("[data-part=text]").innerText;
      document.getElementById("announcer").textContent = `${reply.dataset.model}: ${text}`;
    }
  }
}

document.addEventListener("htmx:after:swap", announce);
document.addEventListener("htmx:sse:after:connection", announce); // it may be heard before the swap
document.addEventListener("htmx:sse:after:message", announce);
announce();
