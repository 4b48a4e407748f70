/** The page's style sheet, in the report's colours: light by default, dark where the reader's system is. */
export const style = `
:root{--bg:#f6f6f3;--card:#fff;--ink:#1a1c22;--soft:#5d6270;--line:#deded7;--wash:#f0f0ea;--tone:#4f46e5;--on:#fff;--bad:#b3261e;--bad-wash:#fbe8e6;--warm:#8a4b08;--warm-wash:#fbefdf}
@media (prefers-color-scheme:dark){:root{--bg:#111217;--card:#1a1c23;--ink:#ececf1;--soft:#a0a5b4;--line:#343844;--wash:#22242d;--tone:#9b95ff;--on:#14141c;--bad:#ff9d94;--bad-wash:#402021;--warm:#f2a04a;--warm-wash:#3a2a15}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 24px 72px}
h1,h2,h3,p,ol,ul,dl,dd,pre{margin:0;padding:0}ol,ul{list-style:none}
h1{font-size:clamp(1.6rem,1.2rem + 1.8vw,2.25rem);line-height:1.15;letter-spacing:-.02em}
h2{font-size:1.2rem;letter-spacing:-.01em;margin:48px 0 14px}
h3{font-size:.9375rem}
.brand{font-size:.8125rem;font-weight:600;color:var(--tone);margin-bottom:8px}
.lead{color:var(--soft);margin-top:10px;max-width:64ch}
a{color:var(--tone)}
code,pre{font:13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:20px}
.try{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:16px;margin-top:28px}
form{display:grid;gap:16px;align-content:start}
label,.label{display:block;font-size:.8125rem;font-weight:600;margin-bottom:6px}
small{color:var(--soft);font-size:.8125rem;font-weight:400}
select,textarea,input[type=password]{width:100%;font:inherit;font-size:.9375rem;color:var(--ink);background:var(--bg);border:1px solid var(--line);border-radius:9px;padding:9px 11px}
textarea{min-height:104px;resize:vertical;line-height:1.45}
.drop{display:grid;place-items:center;gap:4px;min-height:150px;padding:16px;text-align:center;border:1.5px dashed var(--line);border-radius:12px;background:var(--bg);cursor:pointer;margin:0}
.drop:hover,.dragging .drop{border-color:var(--tone)}.dragging .drop{outline:2px solid var(--tone);outline-offset:2px}
.drop img{max-width:100%;max-height:190px;border-radius:8px;background:#fff;display:block}
.drop span{font-weight:550;font-size:.9375rem}
button{font:inherit;font-weight:600;color:var(--on);background:var(--tone);border:0;border-radius:10px;padding:11px 18px;cursor:pointer}
button:disabled{opacity:.5;cursor:default}
:focus-visible,.drop:focus-within{outline:2px solid var(--tone);outline-offset:2px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.answer{display:flex;flex-direction:column}
.empty{color:var(--soft);margin:auto;text-align:center;padding:32px 12px;max-width:34ch}
.facts{display:flex;flex-wrap:wrap;gap:6px;margin-top:16px}
.facts li{font-size:.8125rem;color:var(--soft);background:var(--wash);border-radius:99px;padding:2px 10px}
.facts .warn{color:var(--warm);background:var(--warm-wash)}
fieldset{border:0;margin:0;padding:3px;display:flex;background:var(--wash);border-radius:10px}
.tasks label{flex:1;text-align:center;margin:0;padding:7px 8px;border-radius:8px;font-size:.9375rem;font-weight:550;color:var(--soft);cursor:pointer}
.tasks input:checked+label{background:var(--card);color:var(--ink);box-shadow:0 1px 3px rgb(0 0 0/14%)}
.tasks input:focus-visible+label{outline:2px solid var(--tone);outline-offset:2px}
.rows{display:grid;gap:2px}.rows dt{font-weight:600;overflow-wrap:anywhere}.rows dd{margin-bottom:12px;color:var(--soft);font:13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.answer button{margin-top:16px;width:fit-content}
.top{display:grid;gap:14px;margin-top:4px}
.top li{display:grid;grid-template-columns:1fr auto;gap:2px 12px;font-size:.9375rem}
.top li:first-child{font-size:1.25rem;font-weight:600;letter-spacing:-.01em}
.top span{overflow-wrap:anywhere}.top b{font-weight:550;font-variant-numeric:tabular-nums}
meter{grid-column:1/-1;width:100%;height:6px;border-radius:3px;background:var(--wash);appearance:none;-webkit-appearance:none}
meter::-webkit-meter-inner-element{display:block;height:6px}
meter::-webkit-meter-bar{background:var(--wash);border:0;border-radius:3px;height:6px}
meter::-webkit-meter-optimum-value{background:var(--tone);border-radius:3px}
meter::-moz-meter-bar{background:var(--tone);border-radius:3px}
.error{color:var(--bad);background:var(--bad-wash);border-radius:10px;padding:12px 14px;font-size:.9375rem}
.routes{display:grid;gap:1px;background:var(--line);border:1px solid var(--line);border-radius:14px;overflow:hidden}
.routes li{background:var(--card);padding:13px 18px;display:grid;grid-template-columns:13.5em 1fr;gap:4px 16px;align-items:baseline}
.routes p{color:var(--soft);font-size:.875rem}
pre{overflow-x:auto;padding:16px 18px;background:var(--card);border:1px solid var(--line);border-radius:14px}
pre+h3{margin-top:20px}h3+pre{margin-top:8px}
summary{cursor:pointer;font-size:.8125rem;font-weight:600;width:fit-content}details>*+*{margin-top:8px}
@media (max-width:720px){main{padding:28px 16px 56px}.try{grid-template-columns:1fr}.routes li{grid-template-columns:1fr}h2{margin-top:36px}}
`.trim();
