// What the drivers in Node have in common: see steps.py.
"use strict";

const path = require("node:path");
const { createRequire } = require("node:module");

const PATIENCE_MS = 60_000;
exports.KEY = process.env.APCA_API_KEY_ID;
exports.SECRET = process.env.APCA_API_SECRET_KEY;

// A client's package, from its own environment.
exports.client = (name) => createRequire(path.join(process.env.CLIENT_PLACE, "here.js"))(name);

exports.absent = async () => "-";

exports.within = (promise, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

exports.until = async (check, what) => {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

exports.play = async (steps) => {
  const found = {};
  for (const [name, step] of Object.entries(steps)) {
    try {
      found[name] = (await step()) || "yes";
    } catch (error) {
      console.error(error);
      found[name] = String(error).slice(0, 160);
    }
  }
  process.stdout.write(`\nresult ${JSON.stringify(found)}\n`, () => process.exit(0));
};
