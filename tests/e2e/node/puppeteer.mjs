// Puppeteer, from node_modules beside this file (`make setup-dev`). The first argument is a directory for downloads.
import puppeteer from "puppeteer-core";
import { serve } from "./serve.mjs";

let browser;
let page;

await serve({
  async attach(url) {
    browser = await puppeteer.connect({ browserWSEndpoint: url, defaultViewport: null });
    page = await browser.newPage();
    return browser.version();
  },
  async goto(url) {
    await page.goto(url);
    return page.title();
  },
  evaluate: (expression) => page.evaluate(expression),
  connected: () => browser.connected,
  urls: async () => (await browser.pages()).map((each) => each.url()),

  async popup(selector) {
    const opened = new Promise((resolve) => page.once("popup", resolve));
    await page.click(selector);
    const popup = await opened;
    await popup.waitForSelector("h1");
    return popup.title();
  },
  async clickInFrame(selector) {
    const frame = await (await page.waitForSelector("iframe")).contentFrame();
    await (await frame.waitForSelector(selector)).click();
  },
  async cookieInNewContext(url) {
    const context = await browser.createBrowserContext();
    const inside = await context.newPage();
    await context.setCookie({ name: "whose", value: "new", domain: new URL(url).hostname });
    await inside.goto(url);
    const cookie = await inside.evaluate("document.cookie");
    await context.close();
    return cookie;
  },
  // Puppeteer has no call of its own for downloads: its users send CDP, with a directory of their own machine.
  async download(selector) {
    const cdp = await browser.target().createCDPSession();
    const began = new Promise((resolve) => cdp.once("Browser.downloadWillBegin", resolve));
    const ended = new Promise((resolve, reject) => {
      cdp.on("Browser.downloadProgress", ({ state }) => {
        if (state === "completed") resolve();
        if (state === "canceled") reject(new Error("the download was cancelled"));
      });
    });
    const behavior = { behavior: "allow", downloadPath: process.argv[2], eventsEnabled: true };
    await cdp.send("Browser.setDownloadBehavior", behavior);
    await page.click(selector);
    await ended;
    return (await began).suggestedFilename;
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
  screenshot: () => page.screenshot({ encoding: "base64" }),
  async answerSize(bytes) {
    return (await page.evaluate(`"x".repeat(${bytes})`)).length;
  },
  close: () => browser.close(),
});
