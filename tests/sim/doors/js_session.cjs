// A session of Alpaca's JavaScript SDK, run by test_other_sdks.py.
// Arguments: folder with node_modules, REST URL, trade-updates URL, data-stream URL.
// Prints one JSON object of what it saw.
"use strict";

const path = require("node:path");
const { createRequire } = require("node:module");

const [folder, rest, stream, dataStream] = process.argv.slice(2);
const { Alpaca } = createRequire(path.join(folder, "here.js"))("@alpacahq/alpaca-trade-api");

const HOSTS = ["https://paper-api.alpaca.markets", "https://data.alpaca.markets"];

function redirected(url, init) {
  const host = HOSTS.find((name) => String(url).startsWith(name));
  return fetch(host ? rest + String(url).slice(host.length) : url, init);
}

function within(milliseconds, promise, what) {
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error(`${what} did not come`)), milliseconds).unref(),
  );
  return Promise.race([promise, late]);
}

async function main() {
  const alpaca = new Alpaca({ keyId: "js", secret: "secret", fetchApi: redirected });
  const found = {};
  const account = await alpaca.trading.account.getAccount();
  found.cash = String(account.cash);

  const updates = alpaca.trading.stream({ url: stream });
  const events = [];
  const filled = new Promise((resolve) =>
    updates.onTradeUpdate((update) => {
      events.push(update.event);
      if (update.event === "fill") resolve();
    }),
  );
  updates.onConnect(() => updates.subscribeTradeUpdates());
  updates.connect();
  found.authenticated = (await within(10000, updates.whenAuthenticated(), "auth")).authenticated;
  await new Promise((resolve) => setTimeout(resolve, 300));
  const order = await alpaca.trading.orders.market({
    symbol: "AAPL",
    qty: 2,
    side: "buy",
    clientOrderId: "js-1",
  });
  found.status = order.status;
  await within(10000, filled, "fill");
  found.events = events;
  updates.disconnect();

  const positions = await alpaca.trading.positions.getAllOpenPositions();
  found.position = String(positions[0].qty);
  const limit = await alpaca.trading.orders.limit({
    symbol: "AAPL",
    qty: 1,
    side: "buy",
    limitPrice: 1,
    timeInForce: "gtc",
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await alpaca.trading.orders.deleteOrderByOrderID({ orderId: limit.id });

  const quotes = alpaca.marketData.stockStream({ feed: "iex", url: dataStream });
  const quoted = new Promise((resolve) => quotes.onQuote((quote) => resolve(quote.symbol)));
  quotes.onConnect(() => quotes.subscribeForQuotes(["SPY"]));
  quotes.connect();
  found.quote = await within(10000, quoted, "quote");
  quotes.disconnect();

  try {
    await alpaca.trading.orders.market({ symbol: "AAPL", qty: 10000000, side: "buy" });
  } catch (error) {
    found.refusal = [error.status ?? error.statusCode, error.code, String(error.message)];
  }
  console.log(JSON.stringify(found));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
