#!/bin/bash
# @master-chief/alpaca 6.3.20 (npm): an order that still works has a `filled_at`, a `canceled_at` and a `failed_at`.
#
# Alpaca says null for what has not happened. This client makes a Date of it, and `new Date(null)` is a date: the
# first second of 1970. Its types promise a Date for each of them, so the compiler sees nothing to check, and the test
# that every example of Alpaca's answers suggests, `if (order.filled_at)`, is true for every order; its numbers do
# keep the null (`filled_avg_price`). `raw()` has the answer as it came.
# For a trader: "place the stop once the entry is filled" places it at once, for shares that are not there, and opens a
# short where the account allows it; "buy again if it was canceled" buys a second time. Needs node 18 or later and npm.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --cache "$folder/cache" @master-chief/alpaca@6.3.20
cat > seen.mjs <<'JS'
import { createServer } from 'node:http';
import { AlpacaClient } from '@master-chief/alpaca';

const ORDER = {
  id: '61e69015-8549-4bfd-b9c3-01e75843f47d', client_order_id: 'mine-1', symbol: 'AAPL', asset_class: 'us_equity',
  side: 'buy', type: 'limit', time_in_force: 'day', qty: '10', filled_qty: '0', limit_price: '150', status: 'new',
  created_at: '2026-11-20T15:00:00Z', submitted_at: '2026-11-20T15:00:00Z', updated_at: '2026-11-20T15:00:00Z',
  filled_at: null, canceled_at: null, expired_at: null, failed_at: null, replaced_at: null, filled_avg_price: null,
};
const server = createServer((_, answer) => {
  answer.setHeader('content-type', 'application/json');
  answer.end(JSON.stringify(ORDER));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const client = new AlpacaClient({
  credentials: { key: 'key', secret: 'secret', paper: false },
  endpoints: { rest: { account: `http://127.0.0.1:${server.address().port}/v2` } },
});
const order = await client.getOrder({ order_id: ORDER.id });
server.close();
server.closeAllConnections();
const ends = ['filled_at', 'canceled_at', 'expired_at', 'failed_at', 'replaced_at'];
console.log(`status ${order.status}, filled_qty ${order.filled_qty}, filled_avg_price ${order.filled_avg_price}`);
for (const end of ends) {
  const date = order[end]?.toISOString?.();
  console.log(`${end}: ${date}, which counts as ${Boolean(order[end])}; the answer said ${order.raw()[end]}`);
}
const dated = ends.every((end) => order[end]?.getTime?.() === 0);
const still = order.status === 'new' && order.filled_avg_price === null && dated;
console.log(still ? 'still so: all of it happened in 1970' : 'CHANGED');
process.exit(still ? 0 : 1);
JS
node seen.mjs
