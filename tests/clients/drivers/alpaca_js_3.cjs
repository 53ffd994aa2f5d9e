// Alpaca's SDK in JavaScript, third version, as its manual shows it.
"use strict";

const { KEY, SECRET, client, play, until, within } = require("./steps.cjs");
const Alpaca = client("@alpacahq/alpaca-trade-api");

const alpaca = new Alpaca({ keyId: KEY, secretKey: SECRET, paper: true });
const status = async (order, wanted) =>
  until(async () => (await alpaca.getOrder(order.id)).status === wanted, wanted);
const events = [];

function listen() {
  const stream = alpaca.trade_ws;
  stream.onConnect(() => stream.subscribe(["trade_updates"]));
  stream.onOrderUpdate((update) => events.push(update.event));
  stream.connect();
}

play({
  account: async () => {
    if (Number((await alpaca.getAccount()).cash) !== 100000) throw new Error("cash");
  },
  quotes: async () => {
    listen();
    const stream = alpaca.data_stream_v2;
    const quoted = new Promise((resolve) => stream.onStockQuote(resolve));
    stream.onConnect(() => stream.subscribeForQuotes(["SPY"]));
    stream.connect();
    await within(quoted, "quote");
  },
  order: async () => {
    const order = await alpaca.createOrder({
      symbol: "AAPL", qty: 2, side: "buy", type: "market", time_in_force: "day",
    });
    await status(order, "filled");
  },
  cancel: async () => {
    const order = await alpaca.createOrder({
      symbol: "AAPL", qty: 1, side: "buy", type: "limit", limit_price: 1, time_in_force: "gtc",
    });
    await status(order, "new");
    await alpaca.cancelOrder(order.id);
    await status(order, "canceled");
  },
  position: async () => {
    if ((await alpaca.getPosition("AAPL")).qty !== "2") throw new Error("qty");
  },
  updates: async () => {
    await until(() => events.includes("fill") && events.includes("canceled"), "updates");
  },
  data: async () => {
    let count = 0;
    const start = new Date(Date.now() - 3600000).toISOString();
    for await (const _ of alpaca.getBarsV2("AAPL", { timeframe: "1Min", start })) count += 1;
    if (!count) throw new Error("no bars");
  },
  lists: async () => {
    await alpaca.addWatchlist("w", ["AAPL"]);
    if ((await alpaca.getWatchlists()).length !== 1) throw new Error("watchlists");
    if (!(await alpaca.getNews({ totalLimit: 3 })).length) throw new Error("news");
  },
});
