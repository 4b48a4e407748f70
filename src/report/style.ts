/** The report's style sheet. Colours are tokens: light by default, dark where the reader's system is. */
export const style = `
:root{--bg:#f6f6f3;--card:#fff;--ink:#1a1c22;--soft:#5d6270;--line:#e2e2dc;--wash:#f0f0ea;--phase-a:#ecebf7;--phase-b:#e6f1ef;
--good:#13734a;--good-wash:#e1f3e9;--bad:#b3261e;--bad-wash:#fbe8e6;
--t0:#6b7280;--t1:#c2660a;--t2:#4f46e5;--t3:#0d8a72;--t4:#b5338a;--t5:#9a9a9a}
@media (prefers-color-scheme:dark){:root{--bg:#111217;--card:#1a1c23;--ink:#ececf1;--soft:#a0a5b4;--line:#2d303a;--wash:#22242d;--phase-a:#23233a;--phase-b:#1b2d2e;
--good:#6fdca5;--good-wash:#173527;--bad:#ff9d94;--bad-wash:#402021;
--t0:#a3a9b6;--t1:#f2a04a;--t2:#9b95ff;--t3:#4fd0b5;--t4:#f07cc6;--t5:#888}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:48px 24px 80px}
h1,h2,h3,h4,p,ul,ol,dl,dd,figure{margin:0;padding:0}ul,ol{list-style:none}
h1{font-size:clamp(1.75rem,1.2rem + 2.4vw,2.75rem);line-height:1.12;letter-spacing:-.025em;text-wrap:balance}
h2{font-size:1.3rem;letter-spacing:-.015em;margin-bottom:4px}
h3{font-size:1rem;line-height:1.3}
small{font-size:.8125rem;color:var(--soft)}
.note{color:var(--soft);font-size:.875rem;max-width:75ch}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.brand{font-size:.8125rem;font-weight:600;color:var(--t2);margin-bottom:10px}
.lead{font-size:1.0625rem;color:var(--soft);max-width:68ch;margin-top:14px;text-wrap:pretty}
.facts{display:flex;flex-wrap:wrap;gap:6px 24px;margin-top:18px;font-size:.875rem}
.facts div{display:flex;gap:6px}.facts dt{color:var(--soft)}.facts dd{font-weight:550}
section{margin-top:56px}
.tone-0{--tone:var(--t0)}.tone-1{--tone:var(--t1)}.tone-2{--tone:var(--t2)}.tone-3{--tone:var(--t3)}.tone-4{--tone:var(--t4)}.tone-5{--tone:var(--t5)}
i{display:inline-block;width:.62em;height:.62em;border-radius:50%;background:var(--tone);margin-right:.45em;flex:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:1px;margin-top:36px;background:var(--line);border:1px solid var(--line);border-radius:14px;overflow:hidden}
.tiles li{background:var(--card);padding:20px 22px;display:flex;flex-direction:column}
.tiles strong{font-size:2.1rem;line-height:1.1;letter-spacing:-.03em;font-variant-numeric:tabular-nums}
.tiles span{font-weight:550;margin-top:6px}.tiles small{margin-top:2px}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:14px;background:var(--card);margin:14px 0 12px}
.scroll:focus-visible{outline:2px solid var(--t2);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:12px 18px;text-align:right;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;font-size:.9375rem;white-space:nowrap;padding-top:16px;padding-bottom:14px}
th[scope=row],thead th:first-child{text-align:left;font-weight:550}
th small{display:block;font-weight:400}
td b{font-weight:600;white-space:nowrap}td small{display:block;white-space:nowrap}
td.best{background:color-mix(in srgb,var(--t2) 8%,transparent)}td.best b{color:var(--t2)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:16px;margin-top:16px}
.chart,.example,.artists li{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:16px 18px}
.chart{display:flex;flex-direction:column}
.chart figcaption:has(p){min-height:4.4em}.chart figcaption p{font-size:.8125rem;color:var(--soft);line-height:1.4}
.chart svg{display:block;width:100%;height:auto;margin-top:auto;overflow:visible}
.phase-0{fill:var(--phase-a)}.phase-1{fill:var(--phase-b)}
.rule{stroke:var(--line);stroke-width:1}.leader{stroke:var(--soft);stroke-width:1;opacity:.5}
.tick,.phase-name,.reading text{fill:var(--soft);font-size:11px}.phase-name{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.probe>rect{fill:transparent}.reading{visibility:hidden;pointer-events:none}.probe:hover .reading{visibility:visible}
.reading line{stroke:var(--soft);stroke-width:1}.reading rect{fill:var(--card);stroke:var(--line)}.reading text{fill:var(--ink)}.dot{fill:var(--tone)}
path{fill:none;stroke:var(--tone);stroke-linejoin:round;stroke-linecap:round}
.raw{opacity:.26;stroke-width:1}.mean{stroke-width:2.1}.end{fill:var(--tone);stroke:var(--card);stroke-width:1.5}
.key{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.8125rem;color:var(--soft);margin-top:8px}.key b{color:var(--ink);font-variant-numeric:tabular-nums}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));gap:16px;margin-top:16px}
.example header{display:flex;gap:14px;align-items:center}
.example header p{font-size:.8125rem;color:var(--soft)}
.example h3::first-letter{text-transform:uppercase}
.image{background:#fff;border-radius:10px;border:1px solid var(--line);padding:6px;object-fit:contain;flex:none}
.maps,.answers{display:grid;grid-auto-columns:minmax(0,1fr);grid-auto-flow:column;gap:10px 16px;margin-top:14px}
.overlay{position:relative;aspect-ratio:1;border-radius:10px;overflow:hidden;background:#fff}
.overlay img{position:absolute;inset:0;width:100%;height:100%;display:block}
.maps figcaption{font-size:.8125rem;margin-top:6px;color:var(--soft)}
.answers h4{font-size:.8125rem;display:flex;align-items:center;white-space:nowrap;margin-bottom:6px}
.right,.wrong{margin-left:auto;font-weight:600;font-size:.75rem;padding:1px 7px;border-radius:99px}
.right{color:var(--good);background:var(--good-wash)}.wrong{color:var(--bad);background:var(--bad-wash)}
.answers li{display:grid;grid-template-columns:1fr auto;column-gap:8px;font-size:.8125rem;margin-bottom:5px;line-height:1.35}
.answers li span{overflow-wrap:anywhere;color:var(--soft)}.answers li b{font-weight:550;font-variant-numeric:tabular-nums}
.answers .truth span{color:var(--ink);font-weight:600}
meter{grid-column:1/-1;width:100%;height:5px;margin-top:2px;border-radius:3px;background:var(--wash);appearance:none;-webkit-appearance:none}
meter::-webkit-meter-inner-element{display:block;height:5px}
meter::-webkit-meter-bar{background:var(--wash);border:0;border-radius:3px;height:5px}
meter::-webkit-meter-optimum-value{background:var(--tone);border-radius:3px}
meter::-moz-meter-bar{background:var(--tone);border-radius:3px}
.artists{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:16px;margin-top:16px}
.artists h3{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 8px;margin-bottom:10px}.artists h3 small{margin-left:auto;font-weight:400}
.artists em{font-style:normal;font-size:.75rem;font-weight:550;color:var(--t2);background:color-mix(in srgb,var(--t2) 12%,transparent);border-radius:99px;padding:1px 8px}
.bar{display:grid;grid-template-columns:5.2em 1fr 10.4em;gap:10px;align-items:center;font-size:.8125rem;margin-top:5px}
.bar .name{color:var(--soft);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}.bar b{text-align:right;font-weight:600;font-variant-numeric:tabular-nums}
.track{position:relative;height:10px;border-radius:3px;background:var(--wash)}
.fill{position:absolute;inset:0 auto 0 0;border-radius:3px;background:var(--tone)}
.chance{position:absolute;inset:-2px auto -2px 0;width:1.5px;background:var(--ink);opacity:.45}.bar b{white-space:nowrap}.bar small{font-weight:400;font-size:.75rem}
.whisker{position:absolute;top:4px;height:2px;background:var(--ink);opacity:.7}
details summary{cursor:pointer;font-weight:550;margin-top:8px;width:fit-content}
details summary:focus-visible{outline:2px solid var(--t2);outline-offset:3px}
pre{margin:0;padding:18px;font:13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
@media (max-width:960px){.maps,.answers{column-gap:10px}.answers h4 i{display:none}.answers h4{color:var(--tone)}.answers li{grid-template-columns:1fr}.answers li b{grid-row:2}.right,.wrong{padding:1px 5px}}
@media (max-width:640px){main{padding:28px 16px 56px}section{margin-top:40px}.tiles{grid-template-columns:1fr 1fr}.tiles li{padding:14px}.tiles strong{font-size:1.6rem}
.wide,thead i{display:none}th,td{padding:9px 6px}th:last-child,td:last-child{padding-right:12px}th[scope=row]{padding-left:12px;min-width:72px}thead th{font-size:.8125rem;border-bottom:0;color:var(--tone)}table,td b{font-size:.8125rem}td small{font-size:.6875rem;letter-spacing:-.01em;white-space:normal}th small{font-size:.6875rem}.chart figcaption:has(p){min-height:0}}
@page{margin:14mm}
@media print{.screen{display:none}.note{break-after:avoid}:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc}body{font-size:11pt}main{max-width:none;padding:0}section{margin-top:24pt}
.chart,.example,.artists li,.tiles li,tr{break-inside:avoid}h2{break-after:avoid}.scroll{overflow:visible}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}pre{white-space:pre-wrap}}
`.trim();
