// Alpaca's SDK in JavaScript, fourth version, as its manual shows it.
"use strict";

const { KEY, SECRET, client, play, until, within } = require("./steps.cjs");
const { Alpaca } = client("@alpacahq/alpaca-trade-api");

const alpaca = new Alpaca({ keyId: KEY, secret: SECRET, paper: true });
const { orders, positions, account } = alpaca.trading;
const events = [];
const status = async (order, wanted) =>
  until(async () => (await orders.getOrderByOrderID({ orderId: order.id })).status === wanted, wanted);

play({
  account: async () => {
    if (Number((await account.getAccount()).cash) !== 100000) throw new Error("cash");
  },
  quotes: async () => {
    const updates = alpaca.trading.stream();
    updates.onTradeUpdate((update) => events.push(update.event));
    updates.onConnect(() => updates.subscribeTradeUpdates());
    updates.connect();
    await within(updates.whenAuthenticated(), "auth");
    const quotes = alpaca.marketData.stockStream({ feed: "iex" });
    const quoted = new Promise((resolve) => quotes.onQuote(resolve));
    quotes.onConnect(() => quotes.subscribeForQuotes(["SPY"]));
    quotes.connect();
    await within(quoted, "quote");
    quotes.disconnect();
  },
  order: async () => {
    await status(await orders.market({ symbol: "AAPL", qty: 2, side: "buy" }), "filled");
  },
  cancel: async () => {
    const order = await orders.limit({
      symbol: "AAPL", qty: 1, side: "buy", limitPrice: 1, timeInForce: "gtc",
    });
    await status(order, "new");
    await orders.deleteOrderByOrderID({ orderId: order.id });
    await status(order, "canceled");
  },
  position: async () => {
    const [held] = await positions.getAllOpenPositions();
    if (String(held.qty) !== "2") throw new Error("qty");
  },
  updates: async () => {
    await until(() => events.includes("fill") && events.includes("canceled"), "updates");
  },
  data: async () => {
    const bars = await alpaca.marketData.stocks.stockBars({ symbols: "AAPL", timeframe: "1Min" });
    if (!bars) throw new Error("no bars");
  },
  lists: async () => {
    const made = await alpaca.trading.watchlists.postWatchlist({
      createWatchlistRequest: { name: "w", symbols: ["AAPL"] },
    });
    if (!made.id) throw new Error("watchlist");
  },
});
