// At once: htmx would wait for a timer, and whoever sends before it runs would leave the page.
window.htmx?.initialize();
