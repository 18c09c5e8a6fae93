import { isUnfinished, type Manifest } from './format.ts'

/** README.txt of a bundle: what each file is and how to verify them, for somebody who knows nothing of Revenant. */
export function readmeText(
  {
    period,
    filters,
    log,
    entries,
    gone,
    altered,
    removed,
    contradicted,
    madeAt,
    madeBy,
    consistentFrom,
  }: Omit<Manifest, 'files'>,
  vkeys: readonly string[],
): string {
  const hasListings = entries.some(({ kind }) => kind === 'listing')
  const chosen = Object.entries(filters).map(([name, value]) => `${name} ${value}`)
  const lines = [
    'Evidence bundle of Revenant',
    '===========================',
    '',
    `Period   ${period.from} to ${period.to} (the end not included): what was entered into the log in this time`,
    `Chosen   ${chosen.length === 0 ? 'everything' : chosen.join(', ')}`,
    `Log      ${log.origin}, entries ${log.first} to before ${log.end} of ${log.size}`,
    `Entries  ${entries.map(({ kind, count }) => `${count} ${kind}`).join(', ') || 'none'}`,
    ...(gone > 0
      ? [`Without facts  ${gone}: their rows are past their retention; entries/gone.csv lists what the log still proves of them`]
      : []),
    ...(altered > 0
      ? [`ALTERED  ${altered}: their rows in the database say something else than what was logged; see entries/gone.csv`]
      : []),
    ...(removed > 0 ? [`REMOVED  ${removed}: their rows are missing, and no retention removed them; see entries/gone.csv`] : []),
    ...(contradicted > 0
      ? [
          `FALSE    ${contradicted} rows that the statements are made from are not borne out by the log; see statements/contradicted.csv`,
        ]
      : []),
    ...(isUnfinished({ period, madeAt })
      ? ['Open     the period had not ended when this was made: what was logged later is not in here']
      : []),
    `Made     ${madeAt} by ${madeBy.product} ${madeBy.version} on ${madeBy.instance}`,
    '',
    'Signed with one of these keys. Compare them with those that you were told by another way: a bundle cannot vouch for its own key.',
    ...vkeys.map((vkey) => `  ${vkey}`),
    '',
    'To verify it, offline:',
    '  revenant verify THIS --vkey KEY',
    'or with other tools: docs/evidence.md of Revenant, which gives every format and the commands.',
    '',
    'Files',
    '  report.html            to read and to print',
    '  summary.csv            each requirement: what was tested, passed, failed, could not be judged',
    '  statements/*.csv       the questions that auditors ask, answered from the database when this was made',
    '  entries/KIND.jsonl     {"facts":…,"index":N}: the facts byte for byte as they were hashed, and their index in the log',
    '  entries/KIND.csv       the same as a table',
    ...(hasListings
      ? [
          '  entries/listing.jsonl  what was listed of somebody who left: the lists that were read to their end, and what stood in them',
        ]
      : []),
    '  names/*.csv            what the ids in entries are called',
    '  proofs/ID.tlog-proof   one proof for each event of a finding (c2sp.org/tlog-proof@v1)',
    '  log/                   the signed checkpoint and those tiles of the tree (c2sp.org/tlog-tiles) that lead from the entries to it',
    ...(consistentFrom === undefined
      ? []
      : [`  log/consistency.txt    that the log continues the checkpoint of ${consistentFrom} entries`]),
    '  oscal/*.json           OSCAL 1.2 assessment results, and a plan of action for what is open',
    '  keys.txt               the keys of the log',
    '  manifest.json          the SHA-256 of every file above; manifest.note is its signature',
    '',
    'What proves what',
    '  The log covers entries/*.jsonl: nobody who holds an earlier checkpoint can be shown other entries for that time.',
    '  The signature covers all files: they are as Revenant made them. Names, statements, summary and report are derived from the',
    '  database at that moment and are not in the log; the ids in them lead to entries that are.',
    '  A rejection proves that a credential was refused by that system at that time by the path that was tried, and no more.',
    ...(hasListings
      ? ['  A listing proves what the lists of that system showed to whoever asked, and no more: nothing in it was tried.']
      : []),
    '',
  ]
  return lines.join('\n')
}
