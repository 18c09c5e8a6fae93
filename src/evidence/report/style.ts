/** The report's style: light and dark as the reader has it, black on white in print. */
export const STYLE = `
:root { --ink: #1b1f24; --soft: #57606a; --paper: #fff; --rule: #d0d7de; --blue: #0b5fbe; --red: #b3261e; --grey: #8c959f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4af; --paper: #14181d; --rule: #343b44; --blue: #6cb0ff; --red: #ff8a80; --grey: #6e7781; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--rule); padding-bottom: .2rem; }
code { font-size: .9em; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1rem; color: var(--soft); }
.figures b { display: block; font-size: 1.7rem; color: var(--ink); font-variant-numeric: tabular-nums; }
.warning { border-left: 4px solid var(--red); padding-left: .8rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .82rem; display: block; overflow-x: auto; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: .5rem 0; } th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-top: 1px solid var(--rule); vertical-align: top; overflow-wrap: break-word; }
.n, th { white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } .plot { overflow-x: auto; } svg { width: 100%; min-width: 38rem; height: auto; margin-top: .5rem; } svg text { font-size: 11px; fill: var(--soft); }
.grid { stroke: var(--rule); stroke-width: 1; } .line { fill: none; stroke: var(--blue); stroke-width: 2; } .band { fill: var(--blue); opacity: .15; }
.mark { stroke: var(--blue); stroke-width: 1.5; } .range { stroke: var(--blue); stroke-width: 3; opacity: .5; } .dot, .bar { fill: var(--blue); } .limit { stroke: var(--red); stroke-width: 2.5; }
.rejected { fill: var(--blue); } .accepted { fill: var(--red); stroke: var(--ink); stroke-width: .7; } .inconclusive { fill: url(#hatch); } .hatched { fill: var(--paper); } .hatching { stroke: var(--grey); stroke-width: 4; }
@media print { :root { --ink: #000; --soft: #333; --paper: #fff; --rule: #bbb; --blue: #0b5fbe; --red: #b3261e; } body { max-width: none; margin: 0; font-size: 10pt; } table { display: table; font-size: 8pt; } th, td { padding-right: .5rem; } th { white-space: normal; } .wide table { font-size: 7pt; } .wide td { white-space: normal; } .wide td, .wide th { padding-right: .4rem; } .plot { overflow: visible; } svg { min-width: 0; } svg, tr { break-inside: avoid; } h2 { break-after: avoid; } .wide { page: wide; } }
@page { margin: 14mm; } @page wide { size: landscape; }
`
