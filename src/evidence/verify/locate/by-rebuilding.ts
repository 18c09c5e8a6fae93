import { LEDGER_KINDS } from '../../../domain/ledger.ts'
import { formatConsistency, parseConsistency } from '../../bundle/consistency.ts'
import { entriesPath, LOG_FOLDER, type Manifest, PATHS, proofPath } from '../../bundle/format.ts'
import { readmeText } from '../../bundle/readme.ts'
import { entryHash } from '../../entry.ts'
import { HASH_BYTES } from '../../merkle.ts'
import { type ReadNodes, readConsistency, readInclusion } from '../../merkle-proof.ts'
import { hashInTile, parseTilePath, placeOf, subtreeHash, TILE_WIDTH, type Tile, tilePath, widthOf } from '../../tiles.ts'
import { formatTlogProof, parseTlogProof } from '../../tlog-proof.ts'
import { readLine } from '../entry-line.ts'
import { readFile, readLines, readText } from '../read.ts'
import { TEXT_LIMIT } from '../seal.ts'
import type { BundleSource } from '../source.ts'

export interface Rebuilding {
  source: BundleSource
  manifest: Manifest
  /** The older checkpoint that the caller holds. */
  oldCheckpoint: string | undefined
  isSpent(): boolean
}

/**
 * What a file may have been, made from the rest of the bundle. Whoever asks checks it by the signed digest. Throws `EVIDENCE_INVALID`
 * where the rest is missing or malformed.
 */
export async function* rebuilt(context: Rebuilding, path: string): AsyncGenerator<Uint8Array | string> {
  const { source, manifest } = context
  if (path === PATHS.readme) yield readmeText(manifest, await linesOf(source, PATHS.keys))
  else if (path === PATHS.keys) yield `${(await readmeKeys(source)).join('\n')}\n`
  else if (path === PATHS.checkpoint) yield* checkpoints(source)
  else if (path === PATHS.consistency) yield* consistencies(context)
  else if (path.startsWith('proofs/')) yield* proofs(context, path)
  else {
    const tile = path.startsWith(LOG_FOLDER) ? parseTilePath(path.slice(LOG_FOLDER.length)) : undefined
    if (tile !== undefined && tile.level !== 'entries') yield await tileOf(context, path, { ...tile, level: tile.level })
  }
}

async function linesOf(source: BundleSource, path: string): Promise<string[]> {
  return (await readText(source, path, TEXT_LIMIT)).split('\n').filter((line) => line !== '')
}

/** The keys that README.txt tells. Throws `EVIDENCE_INVALID` where it cannot be read. */
export async function readmeKeys(source: BundleSource): Promise<string[]> {
  return (await linesOf(source, PATHS.readme)).flatMap((line) => VKEY_LINE.exec(line)?.[1] ?? [])
}

const VKEY_LINE = /^ {2}([^\s+]+\+[0-9a-f]{8}\+\S+)$/

/** Every proof ends in the checkpoint. */
async function* checkpoints(source: BundleSource): AsyncGenerator<string> {
  const some = [...source.files.keys()].filter((path) => path.startsWith('proofs/')).slice(0, 2)
  for (const path of some) yield parseTlogProof(await readText(source, path, TEXT_LIMIT)).checkpoint
}

async function* consistencies({ source, manifest, oldCheckpoint }: Rebuilding): AsyncGenerator<string> {
  const [from, to] = [manifest.consistentFrom, manifest.log.size]
  if (from === undefined) return
  const found = await readText(source, PATHS.consistency, TEXT_LIMIT)
  const { proof, checkpoint } = parseConsistency(found)
  const olds = [checkpoint, ...(oldCheckpoint === undefined ? [] : [oldCheckpoint])]
  for (const old of olds) yield formatConsistency({ from, to, proof, checkpoint: old })
  // Not every bundle has the tiles for it.
  const made = await readConsistency(from, to, nodesOf(source, to))
  for (const old of olds) yield formatConsistency({ from, to, proof: made, checkpoint: old })
}

async function* proofs({ source, manifest, isSpent }: Rebuilding, path: string): AsyncGenerator<string> {
  const { size } = manifest.log
  for await (const line of readLines(source, entriesPath('finding', 'jsonl'), new Map())) {
    const read = readLine(line)
    if (isSpent()) return
    if (typeof read === 'string' || proofPath(read.id) !== path) continue
    const proof = await readInclusion(read.index, size, nodesOf(source, size))
    yield formatTlogProof({ index: read.index, proof, checkpoint: await readText(source, PATHS.checkpoint, TEXT_LIMIT) })
    return
  }
}

/** Nodes from the tiles of the bundle, as they are there. */
function nodesOf(source: BundleSource, size: number): ReadNodes {
  return (nodes) =>
    Promise.all(
      nodes.map(async (node) => {
        const { level, index } = placeOf(node)
        const path = `${LOG_FOLDER}${tilePath({ level, index, width: widthOf(level, index, size) })}`
        return hashInTile(node, await readFile(source, path, TILE_WIDTH * HASH_BYTES))
      }),
    )
}

/** A tile from what lies below it: entries, or tiles. What is not in the bundle is taken as it is there. */
async function tileOf(context: Rebuilding, path: string, tile: Tile & { level: number }): Promise<Uint8Array> {
  const bytes = new Uint8Array(tile.width * HASH_BYTES)
  bytes.set((await readFile(context.source, path, 16 * TILE_WIDTH * HASH_BYTES)).subarray(0, bytes.length))
  const first = tile.index * TILE_WIDTH
  for await (const { index, hash } of tile.level === 0 ? leavesOf(context, first, first + tile.width) : hashesOf(context, tile))
    bytes.set(hash, (index - first) * HASH_BYTES)
  return bytes
}

async function* hashesOf({ source }: Rebuilding, { level, index, width }: Tile & { level: number }) {
  for (let at = index * TILE_WIDTH; at < index * TILE_WIDTH + width; at++) {
    const child = `${LOG_FOLDER}${tilePath({ level: level - 1, index: at, width: TILE_WIDTH })}`
    if (source.files.get(child) !== TILE_WIDTH * HASH_BYTES) continue
    yield { index: at, hash: subtreeHash(await readFile(source, child, TILE_WIDTH * HASH_BYTES), 0, TILE_WIDTH) }
  }
}

async function* leavesOf({ source, isSpent }: Rebuilding, first: number, end: number) {
  for (const kind of LEDGER_KINDS) {
    const path = entriesPath(kind, 'jsonl')
    if (!source.files.has(path)) continue
    for await (const line of readLines(source, path, new Map())) {
      const index = Number(/([0-9]{1,15})\}$/.exec(line.bytes.toString('latin1', Math.max(0, line.bytes.length - 24)))?.[1])
      if (index >= end || isSpent()) break
      const read = index >= first ? readLine(line) : ''
      if (typeof read !== 'string') yield { index, hash: entryHash({ kind, id: read.id, digest: read.digest }) }
    }
  }
}
