// A connection can die without a word (a sleeping laptop, a lost radio): after 45 s of silence ask again.

const SILENCE = 45_000;
const streams = new Map();

const heard = ({ target, detail }) => streams.set(target, { connection: detail.connection, at: Date.now() });

document.addEventListener("htmx:sse:after:connection", heard);
document.addEventListener("htmx:sse:before:message", heard);
document.addEventListener("htmx:sse:close", ({ target }) => streams.delete(target));

// The last message brings another element; until then the text says that it has begun.
document.addEventListener("htmx:sse:after:message", ({ target }) => {
  if (target.dataset?.state === "pending") target.dataset.state = "streaming";
});

setInterval(() => {
  for (const [element, { connection, at }] of streams) {
    if (!element.isConnected) streams.delete(element);
    else if (Date.now() - at > SILENCE) connection.reader?.cancel(); // the extension connects anew
  }
}, 5_000);
