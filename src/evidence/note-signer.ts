import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { formatVkey, NOTE_KEY_TYPES, type NoteSigner, parseVkey } from './note-key.ts'

/** A signer of this name; of a private Ed25519 key, PKCS #8. Throws `EVIDENCE_INVALID` for a name that notes do not allow. */
export function signerOf(name: string, privateKey: KeyObject): NoteSigner {
  const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-NOTE_KEY_TYPES.ed25519.bytes)
  const key = parseVkey(formatVkey(name, 'ed25519', raw))
  return { ...key, type: 'ed25519', sign: (text) => sign(null, Buffer.from(text), privateKey) }
}

/** A new key of this name. */
export function newSigner(name: string): { signer: NoteSigner; skey: string } {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { signer: signerOf(name, privateKey), skey: formatSkey(name, privateKey) }
}

/** `PRIVATE+KEY+name+id+base64`, as golang.org/x/mod/sumdb/note and the witnesses' tools write it. */
export function formatSkey(name: string, privateKey: KeyObject): string {
  const seed = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32)
  const { id } = signerOf(name, privateKey)
  return `PRIVATE+KEY+${name}+${id}+${encodeBase64(Buffer.concat([Buffer.of(NOTE_KEY_TYPES.ed25519.byte), seed]))}`
}

/** Reads what `formatSkey` wrote. The error does not quote it. */
export function parseSkey(skey: string): NoteSigner {
  const [word, kind, name = '', id, ...rest] = skey.split('+')
  const bytes = decodeBase64(rest.join('+'))
  const right = word === 'PRIVATE' && kind === 'KEY' && bytes?.length === 33 && bytes[0] === NOTE_KEY_TYPES.ed25519.byte
  if (!right || bytes === undefined) throw new RevenantError('EVIDENCE_INVALID', 'this is no signing key of a note')
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes.subarray(1)])
  const signer = signerOf(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  if (signer.id !== id) throw new RevenantError('EVIDENCE_INVALID', 'the id of this signing key is that of another key')
  return signer
}
