"use strict";

document.getElementById("open").addEventListener("click", () => {
  const note = window.open("/hello.html", "_blank", "popup,width=420,height=340");
  document.getElementById("state").textContent = note ? "Opened." : "The browser kept it shut.";
});
