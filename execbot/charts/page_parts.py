"""Style and script of the page."""

STYLE = """
:root{color-scheme:light dark;--back:#fff;--ink:#1c2330;--soft:#5b6575;--grid:#e3e7ee;
--up:#12805c;--down:#c2374b;--entry:#1f5fd0;--exit:#b35900;--stop:#c2374b;--target:#12805c}
@media (prefers-color-scheme:dark){:root{--back:#12161d;--ink:#e6eaf1;--soft:#9aa5b6;
--grid:#28303c;--up:#3ec995;--down:#ff7585;--entry:#6ea8ff;--exit:#ffb055;--stop:#ff7585;
--target:#3ec995}}
@media print{:root{--back:#fff;--ink:#000;--soft:#333;--grid:#ddd;--up:#0b6b4b;--down:#a8203a;
--entry:#003fa8;--exit:#8a4400;--stop:#a8203a;--target:#0b6b4b}}
body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--back);color:var(--ink);
font:16px/1.45 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:1.5rem 0 .4rem}
p{margin:.3rem 0;color:var(--soft)}
.key{margin-right:1rem;white-space:nowrap}
.key.entry{color:var(--entry)}.key.exit{color:var(--exit)}
.key.stop{color:var(--stop)}.key.target{color:var(--target)}
#chart{height:min(62vh,34rem);min-height:20rem;margin:.6rem 0}
svg{width:100%;height:auto;display:block;margin:.6rem 0}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}
svg path{fill:none;stroke-width:1.2}svg .grid{stroke:var(--grid);stroke-width:1}
svg .up{stroke:var(--up)}svg rect.up{fill:var(--up)}
svg .down{stroke:var(--down)}svg rect.down{fill:var(--down)}
svg .stop{stroke:var(--stop);stroke-width:2;stroke-dasharray:6 3}
svg .target{stroke:var(--target);stroke-width:2;stroke-dasharray:2 3}
svg .entry{fill:var(--entry);stroke:var(--back)}svg .exit{fill:var(--exit);stroke:var(--back)}
svg.narrow{display:none}
@media screen and (max-width:40rem){svg.wide{display:none}svg.narrow{display:block}}
html.live #drawing{display:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--grid);
white-space:nowrap}
th{color:var(--soft);font-weight:600}
footer{margin-top:1.5rem;font-size:.85rem;color:var(--soft)}a{color:inherit}
@media screen and (max-width:30rem){table{font-size:.72rem}th,td{padding-right:.5rem}}
@media print{#chart{display:none}html.live #drawing{display:block}body{padding:0}}
"""

SCRIPT = """
(function(){
"use strict";
const L=window.LightweightCharts,root=document.documentElement,box=document.getElementById("chart");
if(!L){box.remove();return;}
const css=name=>getComputedStyle(root).getPropertyValue("--"+name).trim();
const clock=options=>new Intl.DateTimeFormat("en-CA",
  Object.assign({timeZone:"America/New_York",hourCycle:"h23"},options));
const day=clock({year:"numeric",month:"2-digit",day:"2-digit"});
const minute=clock({hour:"2-digit",minute:"2-digit"});
const of=(format,time)=>format.format(new Date(time*1000));
const chart=L.createChartEx(box,newYorkScale(L),{autoSize:true,
  layout:{attributionLogo:false,fontFamily:"system-ui,sans-serif"},
  localization:{timeFormatter:time=>
    of(day,time)+(DATA.daily?"":" "+of(minute,time)+" ET")},
  timeScale:{timeVisible:!DATA.daily,secondsVisible:false,
    tickMarkFormatter:(time,kind)=>kind<3||DATA.daily?of(day,time).slice(kind<1?0:5):of(minute,time)}});
const priceFormat={type:"price",precision:DATA.digits,minMove:Math.pow(10,-DATA.digits)};
const bars=chart.addSeries(L.CandlestickSeries,{priceFormat:priceFormat,borderVisible:false});
bars.setData(DATA.bars);
const levels=DATA.levels.map(level=>{
  const line=chart.addSeries(L.LineSeries,{priceFormat:priceFormat,lineType:1,lineWidth:2,
    lineStyle:level.kind==="stop"?2:1,priceLineVisible:false,lastValueVisible:false,
    crosshairMarkerVisible:false,
    autoscaleInfoProvider:level.near?undefined:()=>null});
  line.setData(level.points);
  return [level.kind,line];
});
const marks=L.createSeriesMarkers(bars,[]);
function paint(){
  chart.applyOptions({layout:{background:{type:"solid",color:css("back")},textColor:css("soft")},
    grid:{vertLines:{color:css("grid")},horzLines:{color:css("grid")}},
    rightPriceScale:{borderColor:css("grid")},timeScale:{borderColor:css("grid")}});
  bars.applyOptions({upColor:css("up"),downColor:css("down"),
    wickUpColor:css("up"),wickDownColor:css("down")});
  levels.forEach(([kind,line])=>line.applyOptions({color:css(kind)}));
  marks.setMarkers(DATA.marks.map(mark=>({time:mark.time,text:mark.text,size:1.4,
    position:mark.buy?"belowBar":"aboveBar",shape:mark.buy?"arrowUp":"arrowDown",
    color:css(mark.entry?"entry":"exit")})));
}
paint();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change",paint);
chart.timeScale().setVisibleLogicalRange({from:-2,
  to:DATA.bars.length*(1+40/Math.max(box.clientWidth,300))+1});
root.classList.add("live");
})();
"""
