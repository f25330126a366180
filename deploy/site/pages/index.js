"use strict";

const button = document.getElementById("restore");
const frame = document.getElementById("frame");
const state = document.getElementById("state");

button.addEventListener("click", () => {
  const worn = frame.classList.toggle("worn");
  button.setAttribute("aria-pressed", String(!worn));
  state.textContent = worn ? "Frame 1,204, as it came to us." : "Frame 1,204, restored.";
});
