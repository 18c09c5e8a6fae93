import { generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkpointText, openCheckpoint, parseCheckpoint, signCheckpoint } from '../../src/evidence/checkpoint.ts'
import { sha256 } from '../../src/evidence/crypto.ts'
import { EMPTY_ROOT } from '../../src/evidence/merkle.ts'
import { formatVkey, parseVkey } from '../../src/evidence/note-key.ts'
import { newSigner, parseSkey } from '../../src/evidence/note-signer.ts'
import { cosignedText, parseNote, parseSignatures, signatureLine, signNote, verifyNote } from '../../src/evidence/signed-note.ts'
import { formatTlogProof, parseTlogProof } from '../../src/evidence/tlog-proof.ts'

const FILE = new URL('../../../shared/standards/vectors/signed-note-example.json', import.meta.url)
const present = existsSync(FILE)
const INVALID = expect.objectContaining({ code: 'EVIDENCE_INVALID' })
const root = sha256(Buffer.from('x'))

describe('a signed note', () => {
  it.skipIf(!present)(`passes the public example${present ? '' : ': ../shared/standards/vectors is missing'}`, () => {
    const { vkey, note } = z.object({ vkey: z.string(), note: z.string() }).parse(JSON.parse(readFileSync(FILE, 'utf8')))
    const parsed = parseNote(note)
    expect(parsed.text).toBe('This is an example message.\n')
    expect(verifyNote(parsed, [parseVkey(vkey)])).toMatchObject([{ key: { name: 'example.com/foo', id: '530d903a' } }])
    expect(() => verifyNote(parseNote(note.replace('example message', 'exbmple message')), [parseVkey(vkey)])).toThrow(INVALID)
  })

  it('is what its signer signed, for every text of lines', () => {
    const { signer, skey } = newSigner('log.example/a')
    const again = parseSkey(skey)
    const lines = fc.array(
      fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/\p{Cc}/gu, ' ')),
      { minLength: 1 },
    )
    fc.assert(
      fc.property(lines, (words) => {
        const text = `${words.join('\n')}\n`
        const note = signNote(text, [signer])
        expect(note).toBe(signNote(text, [again]))
        expect(parseNote(note).text).toBe(text)
        expect(verifyNote(parseNote(note), [parseVkey(signer.vkey)])).toHaveLength(1)
      }),
    )
  })

  it('passes over signatures of unknown keys, also of a known name with another id', () => {
    const [a, b] = [newSigner('log.example'), newSigner('log.example')]
    const note = parseNote(signNote('text\n', [b.signer, a.signer]))
    expect(verifyNote(note, [a.signer]).map(({ key }) => key.id)).toEqual([a.signer.id])
    expect(() => verifyNote(note, [newSigner('other.example').signer])).toThrow(INVALID)
  })

  it('falls with one false signature of a known key, although another one holds', () => {
    const [a, b] = [newSigner('a.example'), newSigner('b.example')]
    const good = signNote('text\n', [a.signer])
    const forged = `${good}${signatureLine('b.example', b.signer.id, b.signer.sign('other text\n'))}`
    expect(verifyNote(parseNote(forged), [a.signer])).toHaveLength(1)
    expect(() => verifyNote(parseNote(forged), [a.signer, b.signer])).toThrow(INVALID)
  })

  it.each([
    ['nothing', ''],
    ['no signature', 'text\n\n'],
    ['no blank line', 'text\n— a aGVsbG8=\n'],
    ['no last newline', 'text\n\n— a aGVsbG8='],
    ['a hyphen for the dash', 'text\n\n- a aGVsbG8=\n'],
    ['a plus in the name', 'text\n\n— a+b aGVsbG8=\n'],
    ['a wide space in the name', 'text\n\n— a\u3000b aGVsbG8=\n'],
    ['no name', 'text\n\n—  aGVsbG8=\n'],
    ['no Base64', 'text\n\n— a ????????\n'],
    ['Base64 of another spelling', 'text\n\n— a aGVsbG9=\n'],
    ['a signature of four bytes', 'text\n\n— a aGVsbA==\n'],
    ['a carriage return', 'text\r\n\n— a aGVsbG8=\n'],
    ['a tab', 'te\txt\n\n— a aGVsbG8=\n'],
    ['a thousand signatures', `text\n\n${'— a aGVsbG8=\n'.repeat(1_000)}`],
  ])('refuses %s', (_, note) => {
    expect(() => parseNote(note)).toThrow(INVALID)
  })

  it.each([
    ['nothing', ''],
    ['an id of another key', newSigner('a').signer.vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['another name', newSigner('a').signer.vkey.replace('a+', 'b+')],
    ['a type that nobody has', `a+00000000+${Buffer.concat([Buffer.of(9), Buffer.alloc(32)]).toString('base64')}`],
    ['a key that is too short', `a+00000000+${Buffer.alloc(20, 1).toString('base64')}`],
  ])('refuses a verifier key of %s', (_, vkey) => {
    expect(() => parseVkey(vkey)).toThrow(INVALID)
  })

  it('does not quote a signing key that it cannot read', () => {
    const { skey } = newSigner('a')
    const broken = skey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')
    expect(() => parseSkey(broken)).toThrow(expect.objectContaining({ message: expect.not.stringContaining(skey.slice(-20)) }))
  })
})

describe('a checkpoint', () => {
  const { signer } = newSigner('log.example/a')
  const signed = signCheckpoint({ origin: 'log.example/a', size: 7, root }, [signer])

  it('says which log, how large, which root', () => {
    const text = checkpointText({ origin: 'log.example/a', size: 7, root })
    expect(text).toBe(`log.example/a\n7\n${Buffer.from(root).toString('base64')}\n`)
    expect(openCheckpoint(signed, [signer]).checkpoint).toEqual({ origin: 'log.example/a', size: 7, root, extensions: [] })
    expect(parseCheckpoint(`${text}more\n`).extensions).toEqual(['more'])
  })

  it('must be of the log that is asked for, and signed by a key of that log', () => {
    expect(() => openCheckpoint(signed, [signer], { origin: 'log.example/b' })).toThrow(INVALID)
    const other = newSigner('someone.example').signer
    const foreign = signCheckpoint({ origin: 'log.example/a', size: 7, root }, [other])
    expect(() => openCheckpoint(foreign, [other])).toThrow(INVALID)
    expect(() => openCheckpoint(foreign, [signer], { witnesses: [other] })).toThrow(INVALID)
  })

  it.each([
    ['two lines', 'a\n1\n'],
    ['a size with a zero before', `a\n01\n${Buffer.from(root).toString('base64')}\n`],
    ['a negative size', `a\n-1\n${Buffer.from(root).toString('base64')}\n`],
    ['a size past what a number holds', `a\n9007199254740993\n${Buffer.from(root).toString('base64')}\n`],
    ['a short root', 'a\n1\naGVsbG8=\n'],
    ['an empty origin', `\n1\n${Buffer.from(root).toString('base64')}\n`],
    ['an empty line', `a\n1\n${Buffer.from(root).toString('base64')}\n\n`],
  ])('refuses %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(INVALID)
  })

  it('carries cosignatures of witnesses: Ed25519 and ML-DSA-44', () => {
    const note = parseNote(signed)
    const edwards = generateKeyPairSync('ed25519')
    const raw = edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
    const first = parseVkey(formatVkey('w1.example', 'ed25519-cosignature', raw))
    const lattice = generateKeyPairSync('ml-dsa-44')
    const second = parseVkey(
      formatVkey(
        'w2.example',
        'ml-dsa-44-cosignature',
        lattice.publicKey.export({ type: 'spki', format: 'der' }).subarray(-1312),
      ),
    )
    const at = Buffer.alloc(8)
    at.writeBigUInt64BE(1_790_000_000n)
    const uint64 = (value: number) => Buffer.from(value.toString(16).padStart(16, '0'), 'hex')
    const message = Buffer.concat([
      ...[Buffer.from('subtree/v1\n\0'), Buffer.of(10), Buffer.from('w2.example'), at],
      ...[Buffer.of(13), Buffer.from('log.example/a'), uint64(0), uint64(7), root],
    ])
    const lines = [
      signatureLine(
        'w1.example',
        first.id,
        Buffer.concat([at, sign(null, cosignedText(note.text, 1_790_000_000n), edwards.privateKey)]),
      ),
      signatureLine('w2.example', second.id, Buffer.concat([at, sign(null, message, lattice.privateKey)])),
    ]
    expect(parseSignatures(lines.join('')).map(({ name }) => name)).toEqual(['w1.example', 'w2.example'])
    const opened = openCheckpoint(signed + lines.join(''), [signer], { witnesses: [first, second] })
    expect(opened.verified.map(({ key, atSeconds }) => [key.name, atSeconds])).toEqual([
      ['log.example/a', undefined],
      ['w1.example', 1_790_000_000],
      ['w2.example', 1_790_000_000],
    ])
    const later = signCheckpoint({ origin: 'log.example/a', size: 8, root }, [signer])
    for (const [line, key] of [[lines[0], first] as const, [lines[1], second] as const])
      expect(() => openCheckpoint(`${later}${line}`, [signer], { witnesses: [key] })).toThrow(INVALID)
  })
})

describe('a tlog-proof', () => {
  const checkpoint = signCheckpoint({ origin: 'log.example/a', size: 7, root }, [newSigner('log.example/a').signer])

  it.each([
    ['of a tree of one', { index: 0, proof: [], checkpoint }],
    ['with hashes', { index: 5, proof: [root, EMPTY_ROOT], checkpoint }],
    ['with extra data', { index: 5, proof: [root], checkpoint, extra: Buffer.from('{"kind":"finding"}') }],
  ])('%s is read as it was written', (_, proof) => {
    const text = formatTlogProof(proof)
    expect(text.startsWith('c2sp.org/tlog-proof@v1\n')).toBe(true)
    expect(text.endsWith(`\n\n${checkpoint}`)).toBe(true)
    expect(parseTlogProof(text)).toEqual(proof)
  })

  it.each([
    ['nothing', ''],
    ['another header', `c2sp.org/tlog-proof@v2\nindex 0\n\n${checkpoint}`],
    ['no index', `c2sp.org/tlog-proof@v1\n\n${checkpoint}`],
    ['an index with a zero before', `c2sp.org/tlog-proof@v1\nindex 01\n\n${checkpoint}`],
    ['a short hash', `c2sp.org/tlog-proof@v1\nindex 0\naGVsbG8=\n\n${checkpoint}`],
    ['extra data that is no Base64', `c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\n${checkpoint}`],
    ['64 hashes', `c2sp.org/tlog-proof@v1\nindex 0\n${`${Buffer.from(root).toString('base64')}\n`.repeat(64)}\n${checkpoint}`],
  ])('refuses %s', (_, text) => {
    expect(() => parseTlogProof(text)).toThrow(INVALID)
  })
})
