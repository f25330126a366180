"use strict";

// The other name of this machine is another site to the browser: the frame gets its own process.
const host = location.hostname === "localhost" ? "127.0.0.1" : "localhost";
const nextDoor = `http://${host}:${location.port}`;
const state = document.getElementById("state");

const inset = document.createElement("iframe");
inset.title = "Next door";
inset.src = `${nextDoor}/inset.html`;
inset.addEventListener("load", () => (state.textContent = "The light is on."));
document.getElementById("window").append(inset);

window.addEventListener("message", (event) => {
  if (event.origin === nextDoor) state.textContent = event.data;
});
