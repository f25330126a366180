"use strict";

const state = document.getElementById("state");

function cut(frame) {
  state.textContent = `Jammed at frame ${frame}.`;
  throw new Error(`The splicer jammed at frame ${frame}.`);
}

async function sendForBlade() {
  throw new Error("The spare blade never arrived.");
}

// Later than `load`, so that both belong to a page which has already arrived.
window.addEventListener("load", () => {
  setTimeout(() => cut(24), 150);
  setTimeout(() => void sendForBlade(), 300);
});
