import { parse as parseCsv } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CREDENTIAL_COLUMNS } from '../../src/intake/credential-row.ts'
import { IDENTITY_COLUMNS } from '../../src/intake/identity-row.ts'
import { MAX_LINE_BYTES } from '../../src/intake/lines.ts'
import { rowsOf } from './files.ts'

const HEAD = 'external_id,name\n'

/** A CSV field, quoted where RFC 4180 wants it. */
function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

describe('CSV', () => {
  const cases: { name: string; content: string | Buffer; rows: unknown[] }[] = [
    { name: 'a header and rows', content: `${HEAD}e1,Ada\ne2,Bo\n`, rows: [row(2, 'e1', 'Ada'), row(3, 'e2', 'Bo')] },
    { name: 'no last line feed', content: `${HEAD}e1,Ada`, rows: [row(2, 'e1', 'Ada')] },
    { name: 'CRLF', content: 'external_id,name\r\ne1,Ada\r\n', rows: [row(2, 'e1', 'Ada')] },
    {
      name: 'CRLF in the header only',
      content: 'external_id,name\r\ne1,Ada\ne2,Bo',
      rows: [row(2, 'e1', 'Ada'), row(3, 'e2', 'Bo')],
    },
    { name: 'a byte order mark', content: `\uFEFF${HEAD}e1,Ada\n`, rows: [row(2, 'e1', 'Ada')] },
    {
      name: 'a quoted header after a byte order mark',
      content: '\uFEFF"external_id","name"\ne1,Ada\n',
      rows: [row(2, 'e1', 'Ada')],
    },
    { name: 'empty lines', content: `\n${HEAD}\n\r\ne1,Ada\n\n`, rows: [row(5, 'e1', 'Ada')] },
    { name: 'quotes and commas', content: `${HEAD}e1,"Ada, ""the"" first"\n`, rows: [row(2, 'e1', 'Ada, "the" first')] },
    {
      name: 'blank cells',
      content: `${HEAD}e1,\ne2,""\ne3, \n`,
      rows: [row(2, 'e1', null), row(3, 'e2', null), row(4, 'e3', null)],
    },
    { name: 'space around names and cells', content: ' external_id , name\n e1 , Ada \n', rows: [row(2, 'e1', 'Ada')] },
    { name: 'an alias', content: 'employee_id\ne1\n', rows: [{ line: 2, cells: { external_id: 'e1' }, secret: undefined }] },
    {
      name: 'a column that means nothing here',
      content: 'external_id,manager_id\ne1,m\n',
      rows: [{ line: 2, cells: { external_id: 'e1' }, secret: undefined }],
    },
    {
      name: 'too few and too many fields',
      content: `${HEAD}e1\ne2,a,b\ne3,Cy\n`,
      rows: [fault(2), fault(3), row(4, 'e3', 'Cy')],
    },
    { name: 'a quote in a bare field', content: `${HEAD}e1,A"da\ne2,Bo\n`, rows: [fault(2), row(3, 'e2', 'Bo')] },
    { name: 'text after a closing quote', content: `${HEAD}e1,"Ada"x\ne2,Bo\n`, rows: [fault(2), row(3, 'e2', 'Bo')] },
    {
      name: 'a quote that is never closed',
      content: `${HEAD}e1,"Ada\ne2,Bo\ne3,Cy\n`,
      rows: [fault(2), row(3, 'e2', 'Bo'), row(4, 'e3', 'Cy')],
    },
    { name: 'a quote closed by a later row', content: `${HEAD}e1,"Ada\ne2,"Bo"\n`, rows: [fault(2), row(3, 'e2', 'Bo')] },
    { name: 'a control character', content: `${HEAD}e1,A\u001b[31m\ne2,Bo\n`, rows: [fault(2), row(3, 'e2', 'Bo')] },
    { name: 'a line break in a name', content: `${HEAD}e1,"A\r\nB\nC"\ne2,Bo\n`, rows: [fault(2), row(5, 'e2', 'Bo')] },
    {
      name: 'Latin-1',
      content: Buffer.from(`${HEAD}e1,Andr\u00e9\ne2,Bo\n`, 'latin1'),
      rows: [fault(2), row(3, 'e2', 'Bo')],
    },
    { name: 'UTF-8 cut by chunks', content: `${HEAD}e1,ÄÖÜßéèê漢字漢字\n`, rows: [row(2, 'e1', 'ÄÖÜßéèê漢字漢字')] },
    {
      name: 'an endless line',
      content: `${HEAD}e1,${'x'.repeat(MAX_LINE_BYTES)}\ne2,Bo\n`,
      rows: [fault(2), row(3, 'e2', 'Bo')],
    },
    {
      name: 'a quoted field without end, over the limit',
      content: `${HEAD}e1,"A\n${`${'x'.repeat(1000)}\n`.repeat(1100)}e2,Bo\n`,
      rows: [fault(2), ...Array.from({ length: 1100 }, (_, index) => fault(index + 3)), row(1103, 'e2', 'Bo')],
    },
  ]
  it.each(cases)('$name', async ({ content, rows }) => {
    for (const size of [content.length > 10_000 ? 65_536 : 1, 100_000]) {
      expect(await rowsOf(IDENTITY_COLUMNS, content, 'csv', size)).toEqual(rows)
    }
  })

  it('gives a secret as it stands, spaces and line breaks included', async () => {
    const content = 'identity,system,secret.key,secret.username\r\ne1,s,"-- a\r\nb \n",\r\n'
    expect(await rowsOf(CREDENTIAL_COLUMNS, content)).toEqual([
      { line: 2, cells: { identity: 'e1', system: 's' }, secret: { key: '-- a\r\nb \n' } },
    ])
  })

  const headers: [name: string, content: string, message: string][] = [
    ['nothing at all', '', 'line 1 must name the columns; missing: external_id (or employee_id)'],
    ['no header', 'e1,Hunter-Zwei\n', 'line 1 must name the columns; missing: external_id (or employee_id)'],
    [
      'a slip',
      'external_id,nmae,e_mail\n',
      'line 1: column "nmae" is unknown; did you mean "name"?; column "e_mail" is unknown; did you mean "email"?',
    ],
    ['a column twice', 'external_id,name,name\n', 'line 1: column "name" is there twice'],
    ['an alias beside its column', 'external_id,employee_id\n', 'line 1: columns "external_id" and "employee_id" mean the same'],
    ['a column without a name', 'external_id,\n', 'line 1: column 2 has no name'],
    ['a value where a name is due', 'external_id,p4ssw0rd\n', 'line 1: column (not a name) is unknown; known are'],
    ['a malformed header', 'external_id,na"me\ne1,x\n', 'line 1 has a quote inside a field that is not quoted'],
    ['secret columns where there are none', 'external_id,secret.token\n', 'line 1: column "secret.token" is unknown'],
  ]
  it.each(headers)('refuses a file with %s', async (_name, content, message) => {
    const error = await rowsOf(IDENTITY_COLUMNS, content).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'INPUT_INVALID' })
    expect(String(error)).toContain(message)
    expect(String(error)).not.toMatch(/Hunter|p4ss/)
  })

  it('reads what any writer of RFC 4180 writes, with the line that each row begins on', async () => {
    const cell = fc.stringMatching(/^[a-z",\r\n é漢]{0,12}$/)
    const table = fc.record({
      rows: fc.array(fc.tuple(cell, cell), { maxLength: 8 }),
      eol: fc.constantFrom('\n', '\r\n'),
      last: fc.boolean(),
      size: fc.integer({ min: 1, max: 40 }),
    })
    await fc.assert(
      fc.asyncProperty(table, async ({ rows, eol, last, size }) => {
        const all: string[][] = [
          ['identity', 'system', 'secret.a', 'secret.b'],
          ...rows.map(([a, b]) => ['i', 's', `x${a}`, `x${b}`]),
        ]
        const texts = all.map((fields) => fields.map(field).join(','))
        const content = texts.join(eol) + (last ? eol : '')
        const read = await rowsOf(CREDENTIAL_COLUMNS, content, 'csv', size)
        let line = 1
        const starts = texts.map((text) => {
          const start = line
          line += text.split('\n').length
          return start
        })
        const oracle = parseCsv(content, { columns: false, record_delimiter: eol }).slice(1)
        expect(read).toEqual(
          oracle.map((fields, index) => ({
            line: starts[index + 1],
            cells: { identity: 'i', system: 's' },
            secret: { a: fields[2], b: fields[3] },
          })),
        )
      }),
    )
  })

  it('never loses a row above the place where a file was cut', async () => {
    const texts = ['e1,"Ada\nthe ""first"""', 'e2,Bo', 'e3,"Cy, junior"', 'e4,Dé']
    const content = Buffer.from(`external_id,name\n${texts.join('\n')}\n`)
    const whole = ['external_id,name', ...texts].map((_, index, all) =>
      Buffer.byteLength(`${all.slice(0, index + 1).join('\n')}\n`),
    )
    for (let cut = Buffer.byteLength('external_id,name'); cut <= content.length; cut++) {
      const rows = await rowsOf(CREDENTIAL_COLUMNS_OF_NAMES, content.subarray(0, cut), 'csv', 5)
      const complete = whole.filter((end) => end <= cut + 1).length - 1
      const kept = rows.filter((each) => 'cells' in each).map((each) => each.line)
      expect(kept.slice(0, Math.max(complete, 0))).toEqual([2, 4, 5, 6].slice(0, Math.max(complete, 0)))
    }
  })
})

/** Names may hold line breaks here: what is looked at is the reading of rows. */
const CREDENTIAL_COLUMNS_OF_NAMES = {
  ...IDENTITY_COLUMNS,
  ignored: [...IDENTITY_COLUMNS.ignored, 'name'],
  names: { external_id: 'external_id' },
}

describe('JSON Lines', () => {
  const cases: { name: string; content: string | Buffer; rows: unknown[] }[] = [
    {
      name: 'objects',
      content: '{"external_id":"e1","name":"Ada"}\n{"external_id":"e2","name":"Bo"}',
      rows: [row(1, 'e1', 'Ada'), row(2, 'e2', 'Bo')],
    },
    { name: 'empty lines and CRLF', content: '\n\r\n{"external_id":"e1","name":"Ada"}\r\n', rows: [row(3, 'e1', 'Ada')] },
    { name: 'a byte order mark', content: '\uFEFF{"external_id":"e1","name":"Ada"}', rows: [row(1, 'e1', 'Ada')] },
    { name: 'a number as an id, null as a name', content: '{"external_id":17,"name":null}', rows: [row(1, '17', null)] },
    {
      name: 'broken JSON',
      content: '{"external_id":"e1"\n{"external_id":"e2","name":"Bo"}',
      rows: [fault(1), row(2, 'e2', 'Bo')],
    },
    { name: 'no object', content: '["e1"]\nnull\n3\n', rows: [fault(1), fault(2), fault(3)] },
    {
      name: 'an unknown key',
      content: '{"external_id":"e1","nmae":"Ada"}\n{"external_id":"e2","name":"Bo"}',
      rows: [fault(1), row(2, 'e2', 'Bo')],
    },
    { name: 'a key under two names', content: '{"external_id":"e1","employee_id":"e1"}', rows: [fault(1)] },
    { name: 'an object as a name', content: '{"external_id":"e1","name":{"first":"Ada"}}', rows: [fault(1)] },
    { name: 'a fraction as an id', content: '{"external_id":1.5,"name":"Ada"}', rows: [fault(1)] },
    { name: 'half a surrogate pair', content: '{"external_id":"e1","name":"\\ud800"}', rows: [fault(1)] },
    { name: 'a NUL', content: '{"external_id":"e\\u0000","name":"Ada"}', rows: [fault(1)] },
    { name: 'a key of the prototype', content: '{"external_id":"e1","__proto__":{"name":"x"}}', rows: [fault(1)] },
  ]
  it.each(cases)('$name', async ({ content, rows }) => {
    for (const size of [1, 100_000]) expect(await rowsOf(IDENTITY_COLUMNS, content, 'jsonl', size)).toEqual(rows)
  })

  it('gives a secret as it stands, and a reference by field as text', async () => {
    const content =
      '{"identity":"e1","system":"s","secret":{"a":" b "}}\n{"identity":"e1","system":"s","secret_ref":{"a":"env:B"}}'
    expect(await rowsOf(CREDENTIAL_COLUMNS, content, 'jsonl')).toEqual([
      { line: 1, cells: { identity: 'e1', system: 's' }, secret: { a: ' b ' } },
      { line: 2, cells: { identity: 'e1', system: 's', secret_ref: '{"a":"env:B"}' }, secret: undefined },
    ])
  })

  it('quotes nothing of a line that it cannot read', async () => {
    const rows = await rowsOf(CREDENTIAL_COLUMNS, '{"secret":{"token":"hunter-zwei\n{"hunter-2":1}\n"hunter-zwei"\n', 'jsonl')
    expect(rows).toHaveLength(3)
    expect(JSON.stringify(rows)).not.toContain('hunter')
  })
})

function row(line: number, externalId: string, name: string | null) {
  return { line, cells: { external_id: externalId, name }, secret: undefined }
}

function fault(line: number) {
  return expect.objectContaining({ line, message: expect.any(String) })
}
