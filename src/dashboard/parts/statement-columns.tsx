import type { StatementName, StatementRow } from '../statement.ts'
import { textAt } from '../statement.ts'
import {
  Closed,
  Code,
  Count,
  Covers,
  Facts,
  FindingKind,
  Held,
  LastAnswer,
  Noted,
  Severe,
  Span,
  Stand,
  System,
  Until,
  When,
  Who,
  Words,
} from './statement-cells.tsx'
import type { Column } from './table.tsx'

type Row = StatementRow

const who: Column<Row> = { head: 'Who', cell: (row) => <Who row={row} /> }
const system: Column<Row> = { head: 'System', cell: (row) => <System row={row} /> }
const held: Column<Row> = { head: 'Credential', cell: (row) => <Held row={row} /> }
const deadline: Column<Row> = { head: 'Due closed', cell: (row) => <When row={row} at="deadline" /> }
const count = (head: string, at: string): Column<Row> => ({ head, number: true, cell: (row) => <Count row={row} at={at} /> })

/** What the tables of one leaver leave out: it stands above them. */
const PATH: readonly Column<Row>[] = [
  system,
  held,
  { head: 'Stands', cell: (row) => <Stand row={row} /> },
  { head: 'Closed', cell: (row) => <Closed row={row} /> },
  { head: 'Last answer', cell: (row) => <LastAnswer row={row} /> },
]
const DOUBT: readonly Column<Row>[] = [
  system,
  held,
  { head: 'Stands', cell: (row) => <Stand row={row} /> },
  { head: 'Why', cell: (row) => <Code row={row} at="why" /> },
  deadline,
  { head: 'Last proof', cell: (row) => <When row={row} at="last_proof_at" /> },
  count('Tries', 'attempts'),
]
const ITEM: readonly Column<Row>[] = [
  { head: 'Finding', cell: (row) => <FindingKind row={row} at="kind" id={textAt(row, 'id')} /> },
  { head: 'Severity', cell: (row) => <Severe row={row} /> },
]
const ITEM_FACTS: readonly Column<Row>[] = [
  system,
  { head: 'Opened', cell: (row) => <When row={row} at="opened_at" /> },
  deadline,
  { head: 'Noted by', cell: (row) => <Noted row={row} /> },
]

/** The columns of each statement as the page shows them: all that the statement holds, several of its own in one where they belong together. */
export const STATEMENT_COLUMNS: Record<StatementName, readonly Column<Row>[]> = {
  leavers: [who, ...PATH],
  revocation: [
    system,
    { head: 'Allowed', cell: (row) => <Span row={row} at="allowed_ms" /> },
    count('Paths', 'credentials'),
    count('In time', 'in_time'),
    count('Late', 'late'),
    count('Open', 'still_open'),
    count('Not proven', 'not_proven'),
    count('Retired', 'retired'),
    { head: 'Median', cell: (row) => <Span row={row} at="median_ms" /> },
    { head: '95 in 100', cell: (row) => <Span row={row} at="p95_ms" /> },
    { head: 'Longest', cell: (row) => <Span row={row} at="max_ms" /> },
  ],
  unverified: [who, ...DOUBT],
  gaps: [
    system,
    { head: 'Why', cell: (row) => <Code row={row} at="reason" /> },
    { head: 'From', cell: (row) => <When row={row} at="from_at" /> },
    {
      head: 'To',
      cell: (row) => (textAt(row, 'to_at') === undefined ? <b>it lasts</b> : <When row={row} at="to_at" />),
    },
    count('Credentials', 'credentials'),
  ],
  exemptions: [
    { head: 'Covers', cell: (row) => <Covers row={row} /> },
    { head: 'Answers for it', cell: (row) => <Words row={row} at="owner" /> },
    { head: 'Entered by', cell: (row) => <Words row={row} at="signed_by" /> },
    { head: 'From', cell: (row) => <Until row={row} /> },
  ],
  operators: [
    { head: 'When', cell: (row) => <When row={row} at="at" /> },
    { head: 'Who', cell: (row) => <Words row={row} at="actor" /> },
    { head: 'Did', cell: (row) => <Code row={row} at="action" /> },
    { head: 'To', cell: (row) => <Words row={row} at="subject" /> },
    { head: 'Facts', cell: (row) => <Facts row={row} /> },
  ],
  'open-items': [...ITEM, who, ...ITEM_FACTS],
}

/** The same about one leaver, who stands above. */
export const LEAVER_COLUMNS = {
  leavers: PATH,
  unverified: DOUBT,
  'open-items': [...ITEM, ...ITEM_FACTS],
  exemptions: STATEMENT_COLUMNS.exemptions,
  operators: STATEMENT_COLUMNS.operators,
} as const satisfies Partial<Record<StatementName, readonly Column<Row>[]>>
