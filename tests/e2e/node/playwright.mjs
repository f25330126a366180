// Playwright for Node, out of Playwright's Python wheel (its path is the first argument).
import { pathToFileURL } from "node:url";
import { serve } from "./serve.mjs";

const { chromium } = await import(pathToFileURL(`${process.argv[2]}/index.mjs`));

let browser;
let page;

await serve({
  async attach(url) {
    browser = await chromium.connectOverCDP(url);
    page = await browser.contexts()[0].newPage();
    return browser.version();
  },
  async goto(url) {
    await page.goto(url);
    return page.title();
  },
  evaluate: (expression) => page.evaluate(expression),
  connected: () => browser.isConnected(),
  urls: () => browser.contexts()[0].pages().map((each) => each.url()),

  async popup(selector) {
    const [popup] = await Promise.all([page.waitForEvent("popup"), page.click(selector)]);
    await popup.waitForLoadState();
    return popup.title();
  },
  async clickInFrame(selector) {
    await page.frameLocator("iframe").locator(selector).click();
  },
  async cookieInNewContext(url) {
    const context = await browser.newContext();
    await context.addCookies([{ name: "whose", value: "new", url }]);
    const inside = await context.newPage();
    await inside.goto(url);
    const cookie = await inside.evaluate("document.cookie");
    await context.close();
    return cookie;
  },
  async download(selector) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
    return (await download.failure()) ?? download.suggestedFilename();
  },
  async acceptDialog(selector) {
    const shown = new Promise((resolve) => {
      page.once("dialog", async (dialog) => {
        await dialog.accept();
        resolve(dialog.message());
      });
    });
    await page.click(selector);
    return shown;
  },
  async screenshot() {
    return (await page.screenshot()).toString("base64");
  },
  async answerSize(bytes) {
    return (await page.evaluate(`"x".repeat(${bytes})`)).length;
  },
  close: () => browser.close(),
});
