"use strict";

// What is in the cart and who signed in is kept by the browser alone, for as long as its tab.
const state = document.getElementById("state");
const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
const query = new URLSearchParams(location.search);
const readCart = () => JSON.parse(sessionStorage.getItem("cart") ?? "[]");
const writeCart = (ids) => sessionStorage.setItem("cart", JSON.stringify(ids));

async function ask(path, body) {
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(path, sent);
  return { ok: response.ok, answer: await response.json() };
}

function element(name, text, more = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...more });
}

function on(id, kind, act) {
  document.getElementById(id)?.addEventListener(kind, (event) => {
    event.preventDefault();
    act(event.target);
  });
}

async function showShelf(list) {
  const { answer } = await ask(`/api/goods?${query}`);
  for (const { id, name, cents, about } of answer) {
    const item = element("li", "");
    const title = element("h3", "");
    title.append(element("a", name, { href: `/goods.html?id=${id}` }));
    item.append(title, element("p", about), element("p", euros.format(cents / 100)));
    list.append(item);
  }
  state.textContent = answer.length ? `${answer.length} on the shelf.` : "Nothing like that.";
}

async function showCart(table) {
  const { answer } = await ask("/api/goods");
  const prices = new Map(answer.map((article) => [article.id, article]));
  const cart = readCart();
  table.tBodies[0].replaceChildren();
  for (const id of cart) {
    const { name, cents } = prices.get(id);
    const row = table.tBodies[0].insertRow();
    const remove = element("button", "Remove", { ariaLabel: `Remove ${name}`, className: "plain" });
    remove.addEventListener("click", () => removeFromCart(table, id, name));
    row.insertCell().textContent = name;
    row.insertCell().append(remove);
    row.insertCell().textContent = euros.format(cents / 100);
  }
  const total = cart.reduce((sum, id) => sum + prices.get(id).cents, 0);
  state.textContent = `${cart.length} in the cart: ${euros.format(total / 100)}.`;
}

function removeFromCart(table, id, name) {
  if (!window.confirm(`Take “${name}” out of the cart?`)) return;
  writeCart(readCart().filter((each) => each !== id));
  showCart(table);
}

const shown = { goods: showShelf, cart: showCart };
for (const [id, show] of Object.entries(shown)) {
  const found = document.getElementById(id);
  if (found) show(found);
}

on("find", "submit", (form) => {
  location.assign(`/shop.html?${new URLSearchParams(new FormData(form))}`);
});

on("add", "click", () => {
  writeCart([...readCart(), query.get("id")]);
  state.textContent = `In the cart: ${readCart().length}.`;
});

on("sign-in", "submit", async (form) => {
  const { ok, answer } = await ask("/api/sign-in", Object.fromEntries(new FormData(form)));
  if (ok) location.assign("/shop.html");
  else state.textContent = answer.error;
});

on("pay", "submit", async () => {
  const { ok, answer } = await ask("/api/orders", { goods: readCart() });
  if (ok) location.assign(`/thanks.html?${new URLSearchParams({ order: answer.order, goods: readCart() })}`);
  else state.textContent = answer.error;
});

on("terms", "click", () => window.open("/terms.html", "terms", "popup,width=420,height=320"));
on("close", "click", () => window.close());

const invoice = document.getElementById("invoice");
if (invoice) {
  document.getElementById("order").textContent = query.get("order");
  invoice.href = `/invoice.pdf?${query}`;
  writeCart([]);
}
