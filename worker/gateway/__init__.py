"""The CDP sockets that users attach Playwright or Puppeteer to."""
