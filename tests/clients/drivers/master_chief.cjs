// @master-chief/alpaca, as its manual shows it.
"use strict";

const { KEY, SECRET, client, play, until, within } = require("./steps.cjs");
const { AlpacaClient, AlpacaStream } = client("@master-chief/alpaca");

const credentials = { key: KEY, secret: SECRET, paper: true };
const alpaca = new AlpacaClient({ credentials, rate_limit: false });
const events = [];
const status = async (order, wanted) =>
  until(async () => (await alpaca.getOrder({ order_id: order.id })).status === wanted, wanted);

play({
  account: async () => {
    if ((await alpaca.getAccount()).cash !== 100000) throw new Error("cash");
  },
  quotes: async () => {
    const updates = new AlpacaStream({ credentials, type: "account" });
    updates.on("trade_updates", (update) => events.push(update.event));
    const ready = new Promise((resolve) => updates.once("authenticated", resolve));
    await within(ready, "auth");
    updates.subscribe("trade_updates");
    const quotes = new AlpacaStream({ credentials, type: "market_data", source: "iex" });
    const quoted = new Promise((resolve) => quotes.on("quote", resolve));
    quotes.once("authenticated", () => quotes.subscribe("quotes", ["SPY"]));
    await within(quoted, "quote");
  },
  order: async () => {
    const order = await alpaca.placeOrder({
      symbol: "AAPL", qty: 2, side: "buy", type: "market", time_in_force: "day",
    });
    await status(order, "filled");
  },
  cancel: async () => {
    const order = await alpaca.placeOrder({
      symbol: "AAPL", qty: 1, side: "buy", type: "limit", limit_price: 1, time_in_force: "gtc",
    });
    await status(order, "new");
    await alpaca.cancelOrder({ order_id: order.id });
    await status(order, "canceled");
  },
  position: async () => {
    if ((await alpaca.getPosition({ symbol: "AAPL" })).qty !== 2) throw new Error("qty");
  },
  updates: async () => {
    await until(() => events.includes("fill") && events.includes("canceled"), "updates");
  },
  data: async () => {
    const start = new Date(Date.now() - 3600000);
    const found = await alpaca.getBars({ symbol: "AAPL", start, end: new Date(), timeframe: "1Min" });
    if (!found.bars.length) throw new Error("no bars");
  },
  lists: async () => {
    await alpaca.createWatchlist({ name: "w", symbols: ["AAPL"] });
    if ((await alpaca.getWatchlists()).length !== 1) throw new Error("watchlists");
    const found = await alpaca.getNews({ symbols: ["AAPL"], start: new Date(Date.now() - 7 * 86400000) });
    if (!(found.news ?? found).length) throw new Error("news");
  },
});
