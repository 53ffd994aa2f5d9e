"""Alpaca's wire, without sockets: requests to responses, frames to frames."""
