// Loaded by every Node that an unsealed run of `execbot sim run` starts, before the bot: what goes
// to Alpaca's names goes to the exchange. A proxy alone would not do: most clients know none.
'use strict';

const dns = require('node:dns');
const net = require('node:net');

const port = Number(process.env.EXECBOT_RUN_DETOUR);
const isAlpaca = (host) =>
  typeof host === 'string' && /(^|\.)alpaca\.markets\.?$/i.test(host);

function led(options) {
  const host = options.host ?? options.hostname;
  if (!isAlpaca(host)) return options;
  const there = Number(options.port) === 443 ? port : options.port;
  return { ...options, host: '127.0.0.1', hostname: undefined, port: there, lookup: undefined };
}

if (port) {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    // Node hands over its own arguments as one array, which it knows by a mark of its own.
    if (Array.isArray(args[0])) {
      const [options] = args[0];
      if (options && typeof options === 'object') args[0][0] = led(options);
    } else if (args[0] && typeof args[0] === 'object') {
      args[0] = led(args[0]);
    } else if (isAlpaca(args[1])) {
      args[1] = '127.0.0.1';
      if (Number(args[0]) === 443) args[0] = port;
    }
    return connect.apply(this, args);
  };

  const lookup = dns.lookup;
  dns.lookup = function (host, options, callback) {
    return lookup.call(this, isAlpaca(host) ? '127.0.0.1' : host, options, callback);
  };
  const later = dns.promises.lookup;
  dns.promises.lookup = (host, options) => later(isAlpaca(host) ? '127.0.0.1' : host, options);
}
