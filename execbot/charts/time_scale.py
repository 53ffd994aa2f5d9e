"""The days of the chart's time scale.

The library parts time by UTC's days: a new one would begin at seven or eight in the evening of New
York. Its times stay UTC, since in autumn New York has one hour twice, and no bar may share its time
with another one.
"""

# The weights are the library's own: 70 a new year, 60 a month, 50 a day, then hours and minutes.
TIME_SCALE = """
window.newYorkScale=L=>{
"use strict";
const format=new Intl.DateTimeFormat("en-CA",{timeZone:"America/New_York",hourCycle:"h23",
  year:"numeric",month:"2-digit",day:"2-digit",hour:"2-digit",minute:"2-digit"});
const parts=point=>{
  const text=format.format(new Date(point.originalTime*1000));
  return {day:text.slice(0,10),minutes:Number(text.slice(-5,-3))*60+Number(text.slice(-2))};
};
const steps=[[720,33],[360,32],[180,31],[60,30],[30,22],[5,21],[1,20]];
const weight=(before,at)=>{
  if(before.day.slice(0,4)!==at.day.slice(0,4))return 70;
  if(before.day.slice(0,7)!==at.day.slice(0,7))return 60;
  if(before.day!==at.day)return 50;
  const step=steps.find(([length])=>
    Math.floor(before.minutes/length)!==Math.floor(at.minutes/length));
  return step?step[1]:0;
};
const Behavior=L.defaultHorzScaleBehavior();
return new (class extends Behavior{
  fillWeightsForPoints(points,from){
    let before=from>0?parts(points[from-1]):null;
    for(let i=from;i<points.length;i++){
      const at=parts(points[i]);
      points[i].timeWeight=before?weight(before,at):50;
      before=at;
    }
  }
})();
};
"""
