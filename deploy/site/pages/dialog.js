"use strict";

document.getElementById("collect").addEventListener("click", () => {
  const yes = window.confirm("Hand over reel RC-1962-007?");
  document.getElementById("state").textContent = yes ? "Handed over." : "Back on the shelf.";
});
