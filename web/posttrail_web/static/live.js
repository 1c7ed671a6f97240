// Asks for newer mails every few seconds while the page is seen. The server makes the rows, escaped.
"use strict";
const rows = document.getElementById("rows");
const pause = document.getElementById("pause");
const state = document.getElementById("state");
let paused = false;
let seconds = 5;

async function look() {
  if (!paused && !document.hidden) {
    const newest = rows.querySelector("time");
    const since = newest ? "?since=" + encodeURIComponent(newest.dateTime) : "";
    try {
      const answer = await fetch("/live/rows" + since, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (text) rows.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
      state.textContent = "up to date at " + new Date().toLocaleTimeString();
      seconds = 5;
    } catch (error) {
      state.textContent = "no answer (" + error.message + "), asking again";
      seconds = Math.min(seconds * 2, 60);
    }
  }
  setTimeout(look, seconds * 1000);
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Go on" : "Pause";
  pause.setAttribute("aria-pressed", String(paused));
});
setTimeout(look, seconds * 1000);
