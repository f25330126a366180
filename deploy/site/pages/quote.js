"use strict";

const form = document.getElementById("form");
const price = document.getElementById("price");
const state = document.getElementById("state");
const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

function showLine(what, cents) {
  const row = price.tBodies[0].insertRow();
  row.insertCell().textContent = what;
  row.insertCell().textContent = euros.format(cents / 100);
}

function show(quote) {
  price.tBodies[0].replaceChildren();
  for (const line of quote.lines) showLine(line.what, line.cents);
  showLine("Together", quote.total_cents);
  price.hidden = false;
  state.textContent = `${quote.metres} m of ${quote.gauge}: ${euros.format(quote.total_cents / 100)}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  state.textContent = "Counting sprocket holes …";
  const response = await fetch(`/api/quote?${new URLSearchParams(new FormData(form))}`);
  const answer = await response.json();
  if (response.ok) show(answer);
  else state.textContent = answer.error;
});
