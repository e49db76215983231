/** The style sheet of every page: for the screen, light and dark, and for paper. */

/** Colours that colour-blind people tell apart (Okabe and Ito, 2008), darkened where white is behind them. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --ink: #1d1f21; --faint: #5d6166; --rule: #d9dadb; --panel: #f3f3ef; --link: #0b5c8f;
  --heat: #a3260c;
  --series-1: #0067a5; --series-2: #c65102; --series-3: #007d5f; --series-4: #a8487e;
  --series-5: #8a6d00; --series-6: #2f93c8; --series-7: #4b4f54; --series-8: #7a3fa0;
  --series-9: #b3262e; --series-10: #5c8f1f;
  --serif: Charter, "Bitstream Charter", "Sitka Text", "Source Serif 4", "Noto Serif", Cambria, Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Inter, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17191b; --ink: #e4e4e0; --faint: #a2a6aa; --rule: #3a3d40; --panel: #202326; --link: #7fc1ee;
    --heat: #ff8a5c;
    --series-1: #56b4e9; --series-2: #f09a4a; --series-3: #35c79d; --series-4: #de8fbd;
    --series-5: #e5cf4f; --series-6: #9cd2f2; --series-7: #b4b8bd; --series-8: #c39be0;
    --series-9: #ff8a8a; --series-10: #a9dc6a;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); -webkit-text-size-adjust: 100%; }
body { max-width: 45rem; margin: 0 auto; padding: 3.5rem 1.25rem 5rem; color: var(--ink);
  font: 1.0625rem/1.55 var(--serif); font-kerning: normal; hyphens: auto; }
h1 { margin: 0; font-size: 2.1rem; line-height: 1.15; font-weight: 600; letter-spacing: -0.012em; hyphens: none;
  text-wrap: balance; overflow-wrap: anywhere; }
.subtitle { margin: 0.5rem 0 0; color: var(--faint); font-style: italic; overflow-wrap: anywhere; }
header { padding-bottom: 1.4rem; border-bottom: 1px solid var(--rule); margin-bottom: 1.6rem; }
h2 { margin: 3.2rem 0 0.8rem; font-size: 1.42rem; line-height: 1.2; font-weight: 600; text-wrap: balance; }
h3 { margin: 0 0 0.5rem; font: 600 0.95rem/1.35 var(--sans); text-wrap: balance; }
p { margin: 0 0 0.9rem; text-wrap: pretty; overflow-wrap: anywhere; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 0.15em; }
nav ol { columns: 17rem; margin: 1.6rem 0; padding-left: 1.4rem; color: var(--faint); }
code, pre { font-family: var(--mono); font-size: 0.86em; hyphens: none; }
figure { margin: 1.9rem 0 2.4rem; }
figure.plot svg { max-width: 100%; height: auto; overflow: visible; font-family: var(--sans); }
figure.plot > svg g[aria-label$="grid"] { color: var(--rule); stroke-opacity: 1; }
figcaption { margin-top: 0.55rem; font: 0.85rem/1.5 var(--sans); color: var(--faint); hyphens: none; }
.basis { font-weight: 600; color: var(--ink); }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.3rem; margin: 0 0 0.4rem; padding: 0; list-style: none;
  font: 0.82rem/1.5 var(--sans); }
.legend svg { margin-right: 0.4rem; vertical-align: middle; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 0 2rem;
  margin: 1.9rem 0 2.4rem; }
.beside figure { margin: 0 0 1.2rem; }
details { margin-top: 0.6rem; font: 0.82rem/1.45 var(--sans); }
summary { width: fit-content; color: var(--link); cursor: pointer; }
.scroll { overflow-x: auto; margin: 0.7rem 0 1.4rem; }
details .scroll { margin-bottom: 0; max-height: 28rem; overflow-y: auto; }
table { border-collapse: collapse; min-width: 50%; font: 0.84rem/1.4 var(--sans); hyphens: none; }
caption { padding-bottom: 0.4rem; text-align: left; color: var(--faint); }
th, td { padding: 0.28rem 1rem 0.28rem 0; text-align: left; vertical-align: baseline; }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; vertical-align: bottom; }
tbody th { min-width: 7rem; font-weight: 400; overflow-wrap: break-word; max-width: 18rem; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
.number { text-align: right; font-variant-numeric: tabular-nums lining-nums; white-space: nowrap; }
thead .number { white-space: normal; }
.none { color: var(--faint); }
td.none { text-align: right; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: 0.9rem 1.6rem;
  margin: 1.6rem 0; font-family: var(--sans); hyphens: none; }
dt { font-size: 0.78rem; color: var(--faint); }
dd { margin: 0; font-size: 1.02rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
pre { margin: 0; padding: 0.9rem 1rem; overflow: auto; max-height: 34rem; background: var(--panel);
  border-radius: 4px; line-height: 1.4; font-size: 0.78rem; tab-size: 8; }
.transcript figcaption { margin: 0 0 0.5rem; }
@media (max-width: 40rem) { body { padding-top: 1.6rem; font-size: 1rem; } h1 { font-size: 1.6rem; } }
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --faint: #444; --rule: #bbb; --panel: #f6f6f4;
    --link: #000; --heat: #8e1f08;
    --series-1: #0067a5; --series-2: #c65102; --series-3: #007d5f; --series-4: #a8487e;
    --series-5: #8a6d00; --series-6: #2f93c8; --series-7: #4b4f54; --series-8: #7a3fa0;
    --series-9: #b3262e; --series-10: #5c8f1f; }
  @page { margin: 18mm 17mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h1 { font-size: 22pt; } h2 { font-size: 14pt; margin-top: 9mm; }
  h2, h3, figcaption, caption { break-after: avoid; }
  figcaption { break-after: auto; break-before: avoid; }
  figure.plot > svg, .legend, tr, dl > div { break-inside: avoid; }
  h3, .legend { break-after: avoid; }
  .beside { grid-template-columns: 1fr 1fr; }
  details:not([open]), summary, nav { display: none; }
  details .scroll, pre { max-height: none; overflow: visible; }
  pre { white-space: pre-wrap; }
  a { text-decoration: none; }
}
`;
