"use strict";

let knocks = 0;

document.getElementById("origin").textContent = location.origin;
document.getElementById("knock").addEventListener("click", () => {
  knocks += 1;
  // Any page may frame this one, and what it says is no secret.
  window.parent.postMessage(`Knocks heard: ${knocks}.`, "*");
});
