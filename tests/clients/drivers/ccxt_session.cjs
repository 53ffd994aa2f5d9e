// ccxt in Node, with its streams (ccxt.pro): its Alpaca trades crypto pairs.
"use strict";

const { KEY, SECRET, client, play, until, within, absent } = require("./steps.cjs");
const ccxt = client("ccxt");

const exchange = new ccxt.pro.alpaca({ apiKey: KEY, secret: SECRET });
exchange.setSandboxMode(true);
const PAIR = "BTC/USD";
const status = async (order, wanted) =>
  until(async () => (await exchange.fetchOrder(order.id, PAIR)).status === wanted, wanted);
let told;

play({
  account: async () => {
    if ((await exchange.fetchBalance()).USD.total !== 100000) throw new Error("cash");
  },
  quotes: async () => {
    told = exchange.watchOrders(PAIR);
    told.catch(() => {});
    const ticker = await within(exchange.watchTicker(PAIR), "ticker");
    if (!ticker.bid) throw new Error("bid");
  },
  order: async () => {
    await status(await exchange.createOrder(PAIR, "market", "buy", 0.01), "closed");
  },
  cancel: async () => {
    const order = await exchange.createOrder(PAIR, "limit", "buy", 0.01, 1000);
    await exchange.cancelOrder(order.id, PAIR);
    await status(order, "canceled");
  },
  position: async () => {
    if ((await exchange.fetchMyTrades(PAIR))[0].amount !== 0.01) throw new Error("amount");
  },
  updates: async () => {
    if (!(await within(told, "update")).length) throw new Error("none");
  },
  data: async () => {
    if (!(await exchange.fetchOHLCV(PAIR, "1m", undefined, 5)).length) throw new Error("no bars");
  },
  lists: absent,
});
