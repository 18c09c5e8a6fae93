/** What is sent for a file or for pasted rows. */
export interface Given {
  /** What it is said to come from. */
  name: string
  type: string
}

const AGE = 'application/vnd.age'
const LINES = 'application/x-ndjson'
const CSV = 'text/csv'

/** What a file is, by its name; the daemon looks at what it holds. */
export function fileGiven(name: string): Given {
  if (/\.age$/i.test(name)) return { name, type: AGE }
  return { name, type: /\.(?:jsonl|ndjson|json)$/i.test(name) ? LINES : CSV }
}

/** What pasted text is: JSON Lines begin with a brace, age's armour with its own line. */
export function textGiven(text: string): Given {
  const start = text.trimStart()
  if (start.startsWith('-----BEGIN AGE ENCRYPTED FILE-----')) return { name: 'pasted.age', type: AGE }
  return { name: 'pasted', type: start.startsWith('{') ? LINES : CSV }
}
