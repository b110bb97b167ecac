"""The style sheet of the report."""

STYLE = """
:root { color-scheme: light dark; --page: #f5f6f8; --card: #ffffff; --ink: #16191f; --soft: #596170; --line: #d9dde4; --grid: #e9ecf1;
  --accent: #1f5fd1; --good: #146c43; --warn: #8a5a00; --bad: #b3261e; --warn-back: #fff6e0; --bad-back: #fdeceb; --note-back: #eaf1fe;
  --c0: #1f5fd1; --c1: #c2410c; --c2: #0f7b5f; --c3: #a21caf; --c4: #7c5c00; --c5: #0e7490; --c6: #b91c1c; --c7: #4b5563; }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { --page: #101318; --card: #191d24; --ink: #e8ebf0; --soft: #a3abb8;
  --line: #333a46; --grid: #272d37; --accent: #7aa7ff; --good: #62d29c; --warn: #f0c35c; --bad: #ff8f87; --warn-back: #2c2615;
  --bad-back: #331d1c; --note-back: #1a2436;
  --c0: #7aa7ff; --c1: #ff9d5c; --c2: #4fd1a5; --c3: #e58bf5; --c4: #e0bd4a; --c5: #5cc9e0; --c6: #ff8585; --c7: #b6bcc7; } }
:root[data-theme=light] { color-scheme: light; }
:root[data-theme=dark] { color-scheme: dark; --page: #101318; --card: #191d24; --ink: #e8ebf0; --soft: #a3abb8;
  --line: #333a46; --grid: #272d37; --accent: #7aa7ff; --good: #62d29c; --warn: #f0c35c; --bad: #ff8f87; --warn-back: #2c2615;
  --bad-back: #331d1c; --note-back: #1a2436;
  --c0: #7aa7ff; --c1: #ff9d5c; --c2: #4fd1a5; --c3: #e58bf5; --c4: #e0bd4a; --c5: #5cc9e0; --c6: #ff8585; --c7: #b6bcc7; }
* { box-sizing: border-box; }
html { scroll-padding-top: 110px; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 14px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, header, footer { max-width: 1480px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 26px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 34px 0 12px; }
h3 { font-size: 14px; margin: 18px 0 8px; overflow-wrap: anywhere; }
a { color: var(--accent); }
.soft { color: var(--soft); }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 12px; top: 8px; z-index: 9; background: var(--card); padding: 6px 12px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 6px; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 16px; min-width: 128px; }
.tiles b { display: block; font-size: 20px; font-weight: 620; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.tiles span { color: var(--soft); font-size: 12.5px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 14px 0 2px; }
nav a { text-decoration: none; font-weight: 550; }
nav a:hover { text-decoration: underline; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.message { border-radius: 8px; padding: 9px 14px; margin: 8px 0; border: 1px solid var(--line); border-left: 5px solid var(--soft);
  overflow-wrap: anywhere; }
.message.warning { background: var(--warn-back); border-left-color: var(--warn); }
.message.error { background: var(--bad-back); border-left-color: var(--bad); }
.message.note { background: var(--note-back); border-left-color: var(--accent); }
.message b.kind { text-transform: uppercase; font-size: 11px; letter-spacing: .06em; margin-right: 8px; }
.message.warning b.kind { color: var(--warn); } .message.error b.kind { color: var(--bad); } .message.note b.kind { color: var(--accent); }
.message p { margin: 3px 0 0; }
code, .mono { font: 12.5px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.bar { position: sticky; top: 0; z-index: 5; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 9px 14px;
  margin: 0 0 14px; display: flex; flex-wrap: wrap; gap: 7px 22px; align-items: center; box-shadow: 0 2px 10px rgb(0 0 0 / 7%); }
.bar label { display: inline-flex; gap: 7px; align-items: center; white-space: nowrap; }
.bar input[type=range] { width: 110px; accent-color: var(--accent); } .bar input[type=checkbox] { accent-color: var(--accent); }
.bar output { min-width: 2.6em; font-variant-numeric: tabular-nums; }
select, input[type=search], button { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 8px; }
button { cursor: pointer; } button:hover { border-color: var(--accent); }
.runs { display: flex; flex-wrap: wrap; gap: 4px 16px; border: 0; margin: 0; padding: 0; max-height: 92px;
  overflow: auto; flex-basis: 100%; }
.runs legend { float: left; margin-right: 14px; color: var(--soft); padding: 0; }
.runs svg, .tip svg { width: 34px; height: 8px; flex: none; }
details.group { margin: 0 0 12px; }
details.group > summary { cursor: pointer; font-weight: 620; font-size: 15px; padding: 6px 2px; overflow-wrap: anywhere; }
details.group > summary span { color: var(--soft); font-weight: 400; font-size: 13px; margin-left: 8px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(400px, 100%), 1fr)); gap: 14px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px 8px; position: relative;
  min-width: 0; }
figure.wide { grid-column: 1 / -1; }
figcaption { font-weight: 600; overflow-wrap: anywhere; padding-right: 74px; }
figcaption span { font-weight: 400; color: var(--soft); }
figure > button { position: absolute; right: 10px; top: 9px; padding: 1px 9px; font-size: 12.5px; }
.plot { position: relative; min-height: 40px; border-radius: 6px; touch-action: pan-y; }
.plot svg { display: block; width: 100%; overflow: visible; }
.plot text { fill: var(--soft); font-size: 11.5px; font-variant-numeric: tabular-nums; }
.plot .grid { stroke: var(--grid); } .plot .axis { stroke: var(--line); } .plot .cross { stroke: var(--soft); stroke-dasharray: 2 3; }
.plot .select { fill: var(--accent); opacity: .14; }
.tip { position: absolute; z-index: 4; pointer-events: none; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 6px 10px; font-size: 12.5px; box-shadow: 0 3px 14px rgb(0 0 0 / 18%); max-width: 420px; }
.tip td, .tip th { padding: 0 10px 0 0; border: 0; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tip td.name { max-width: 180px; overflow: hidden; text-overflow: ellipsis; }
figure details { font-size: 12.5px; color: var(--soft); }
figure details summary { cursor: pointer; width: max-content; }
figure details p { margin: 3px 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th { text-align: left; border-bottom: 2px solid var(--line); padding: 4px 16px 4px 0; vertical-align: bottom; white-space: nowrap; }
td { border-bottom: 1px solid var(--grid); padding: 4px 16px 4px 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody th { font-weight: 500; border-bottom: 1px solid var(--grid); white-space: normal; overflow-wrap: anywhere; min-width: 9em; }
ol.pipeline { list-style: none; display: flex; flex-wrap: wrap; gap: 12px 30px; padding: 0; margin: 8px 0; counter-reset: stage; }
ol.pipeline > li { position: relative; background: var(--card); border: 1px solid var(--line); border-top: 3px solid var(--accent);
  border-radius: 8px; padding: 9px 14px; max-width: 340px; min-width: 130px; counter-increment: stage; }
ol.pipeline > li:not(:last-child)::after { content: "\\2192"; position: absolute; right: -23px; top: 8px; color: var(--soft);
  font-size: 16px; }
ol.pipeline b::before { content: counter(stage) ". "; color: var(--soft); font-weight: 500; }
ol.pipeline dl { margin: 4px 0 0; display: grid; grid-template-columns: max-content 1fr; gap: 0 10px; font-size: 12.5px; }
ol.pipeline dt { color: var(--soft); } ol.pipeline dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
ol.pipeline dd.long { max-height: 5.8em; overflow: auto; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(280px, 100%), 1fr)); gap: 14px; }
.frames { min-height: 60px; margin: 6px 0; }
.frames img { max-width: 100%; min-width: min(56px, 100%); image-rendering: pixelated; border: 1px solid var(--line); display: block; }
.frames audio { width: 100%; }
.frames input { width: 100%; accent-color: var(--accent); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0; max-height: 320px; overflow: auto; }
.hidden, .off, [hidden] { display: none !important; }
.read { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
footer { color: var(--soft); font-size: 12.5px; padding-top: 30px; padding-bottom: 40px; }
@media print { .bar, nav, figure > button { display: none; } body { background: #fff; } figure { break-inside: avoid; } }
@media (max-width: 700px) { main, header, footer { padding-left: 12px; padding-right: 12px; } .bar { position: static; }
  ol.pipeline > li:not(:last-child)::after { content: none; } }
"""
