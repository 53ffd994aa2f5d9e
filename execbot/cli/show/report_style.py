"""The style of the report's page: phone, desk and paper, by day and by night."""

STYLE = """
:root { color-scheme: light dark; --ink:#1b1f24; --quiet:#59636e; --ground:#fff; --card:#f6f8fa;
  --rule:#d1d9e0; --price:#0969da; --won:#1a7f37; --lost:#b42318; --stop:#b42318;
  --target:#1a7f37; }
@media screen and (prefers-color-scheme: dark) { :root { --ink:#e6edf3; --quiet:#9198a1;
  --ground:#0d1117; --card:#161b22; --rule:#3d444d; --price:#58a6ff; --won:#3fb950;
  --lost:#ff7b72; --stop:#ff7b72; --target:#3fb950; } }
* { box-sizing: border-box; }
body { margin:0 auto; max-width:72rem; padding:1rem; color:var(--ink); background:var(--ground);
  font:15px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size:1.5rem; margin:0 0 .2rem; } h2 { font-size:1.15rem; margin:1.8rem 0 .5rem; }
h3 { font-size:.95rem; margin:1rem 0 .3rem; font-weight:600; }
p { margin:.3rem 0; } .quiet, figcaption { color:var(--quiet); font-size:.88rem; }
.note { border-left:4px solid var(--price); padding:.3rem .7rem; background:var(--card); }
.warning { border-left:4px solid var(--lost); padding:.3rem .7rem; background:var(--card); }
.tiles { display:grid; grid-template-columns:repeat(4, 1fr); gap:.6rem;
  margin:1rem 0; }
.tile { background:var(--card); border:1px solid var(--rule); border-radius:6px;
  padding:.5rem .7rem; }
.tile b { display:block; font-size:1.2rem; font-variant-numeric:tabular-nums;
  overflow-wrap:anywhere; }
.scroll { overflow-x:auto; }
table { border-collapse:collapse; width:100%; font-size:.88rem; }
table.pairs { max-width:44rem; }
th, td { text-align:left; padding:.25rem .6rem .25rem 0; border-bottom:1px solid var(--rule);
  vertical-align:top; }
th { color:var(--quiet); font-weight:600; white-space:nowrap; }
.n + :not(.n) { padding-left:1rem; }
.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; }
th.n { text-align:right; }
td.met { color:var(--won); font-weight:600; white-space:nowrap; }
td.not_met { color:var(--lost); font-weight:600; white-space:nowrap; }
td.no_basis { color:var(--quiet); white-space:nowrap; }
.won-text { color:var(--won); } .lost-text { color:var(--lost); }
.charts { display:grid; grid-template-columns:repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap:.8rem; }
.charts figure { max-width:36rem; }
figure { margin:0; max-width:56rem; border:1px solid var(--rule); border-radius:6px; padding:.4rem;
  break-inside:avoid; }
svg { display:block; width:100%; height:auto; }
svg .grid { stroke:var(--rule); stroke-width:1; fill:none; }
svg .tick { fill:var(--quiet); font:11px system-ui, sans-serif; }
svg .price { stroke:var(--price); stroke-width:1.5; fill:none; }
svg circle.price { fill:var(--price); }
svg .stop { stroke:var(--stop); stroke-width:1.5; stroke-dasharray:5 3; fill:none; }
svg .target { stroke:var(--target); stroke-width:1.5; stroke-dasharray:2 3; fill:none; }
svg .buy, svg .won { fill:var(--won); } svg .sell, svg .lost { fill:var(--lost); }
svg .buy, svg .sell { stroke:var(--ground); stroke-width:1; }
@media (max-width: 40rem) {
  body { padding:.7rem; font-size:14px; }
  .tiles { grid-template-columns:1fr 1fr; }
  table.cards thead { display:none; }
  table.cards tr { display:grid; grid-template-columns:1fr 1fr; gap:0 1.2rem; padding:.5rem 0;
    border-bottom:1px solid var(--rule); }
  table.cards td { display:flex; justify-content:space-between; gap:.6rem; border:0;
    padding:.1rem 0; text-align:right; white-space:normal; overflow-wrap:anywhere; }
  table.cards td::before { content:attr(data-name); color:var(--quiet); font-weight:400;
    text-align:left; flex:none; }
  table.cards td:first-child, table.cards td.wide { grid-column:1 / -1; display:block;
    text-align:left; }
  table.cards .n + td { padding-left:0; }
  table.cards td:first-child { font-weight:600; }
  table.cards td:first-child::before { content:none; }
  table.cards td.wide::before { margin-right:.6rem; }
  table.pairs td:last-child { white-space:normal; overflow-wrap:anywhere; }
  svg .tick { font-size:15px; }
}
@media print {
  :root { color-scheme:light; }
  @page { margin:14mm; }
  body { max-width:none; padding:0; font-size:10pt; }
  h2 { break-after:avoid; } tr, figure, .tile { break-inside:avoid; }
  thead { display:table-header-group; }
  .scroll { overflow:visible; } table { font-size:8pt; }
  th { white-space:normal; } th, td { padding-right:.4rem; }
  .charts { grid-template-columns:1fr 1fr; } .charts svg .tick { font-size:17px; }
}
"""
