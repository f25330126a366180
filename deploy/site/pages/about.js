"use strict";

console.info("The kettle is on.");
console.warn("Reel 7 is due back on Thursday.");
console.error("Reel 9 came back without its can.");
