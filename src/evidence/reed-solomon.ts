/**
 * Sums over a block by which a few changed bytes can be put right again: the syndromes of a Reed–Solomon code over GF(2^16). They find
 * errors, they prove nothing: whoever puts a block right checks it by a digest.
 *
 * The block is read as 16-bit symbols c₀ … cₙ₋₁, big-endian, an odd last byte followed by a zero. Sum j is Σ cᵢ·α^(j·(n-1-i)), for j
 * from 0 to 15, each again 16 bits, big-endian. The field is that of x¹⁶+x¹²+x³+x+1, and α is x.
 */
export function sumsOf(block: Uint8Array): Uint8Array {
  const sums = new Uint16Array(SUMS)
  const { exp, log } = tables()
  const symbols = Math.ceil(block.length / 2)
  for (let at = 0; at < symbols; at++) {
    const symbol = symbolAt(block, at)
    // Horner's rule for all sums at once. Hot path of writing a bundle.
    for (let j = 0; j < SUMS; j++) {
      const sum = sums[j] ?? 0
      sums[j] = (sum === 0 ? 0 : (exp[(log[sum] ?? 0) + j] ?? 0)) ^ symbol
    }
  }
  const bytes = Buffer.alloc(SUM_BYTES)
  for (const [j, sum] of sums.entries()) bytes.writeUInt16BE(sum, 2 * j)
  return bytes
}

const SUMS = 16
export const SUM_BYTES = 2 * SUMS
/** Symbols that can be put right in a block: half as many as there are sums. */
export const MOST_WRONG_SYMBOLS = SUMS / 2
/** Each symbol of a block needs a power of α of its own, of which there are 65,535. */
export const MOST_BLOCK_BYTES = 128 * 1024 - 2

/** The block that has these sums and parts from `block` in eight symbols at most; undefined where there is none. */
export function repairBlock(block: Uint8Array, sums: Uint8Array): Uint8Array | undefined {
  const found = sumsOf(block)
  const errors = Array.from({ length: SUMS }, (_, j) => symbolAt(found, j) ^ symbolAt(sums, j))
  if (errors.every((error) => error === 0)) return Uint8Array.from(block)
  const symbols = Math.ceil(block.length / 2)
  const places = placesOf(errors, symbols)
  if (places === undefined) return undefined
  const values = solve(places.map((_, j) => [...places.map((place) => power(place * j)), errors[j] ?? 0]))
  if (values === undefined) return undefined
  const repaired = new Uint8Array(2 * symbols)
  repaired.set(block)
  for (const [n, place] of places.entries()) {
    const at = 2 * (symbols - 1 - place)
    const value = values[n] ?? 0
    repaired[at] = (repaired[at] ?? 0) ^ (value >> 8)
    repaired[at + 1] = (repaired[at + 1] ?? 0) ^ (value & 0xff)
  }
  return repaired.subarray(0, block.length)
}

/** Where the wrong symbols stand, counted from the end (Peterson, Gorenstein, Zierler): roots of the error locator. */
function placesOf(errors: readonly number[], symbols: number): number[] | undefined {
  const at = (index: number) => errors[index] ?? 0
  for (let wrong = MOST_WRONG_SYMBOLS; wrong > 0; wrong--) {
    const rows = Array.from({ length: wrong }, (_, row) => [
      ...Array.from({ length: wrong }, (_unused, k) => at(row + wrong - 1 - k)),
      at(row + wrong),
    ])
    const locator = solve(rows)
    if (locator === undefined) continue
    const places: number[] = []
    for (let place = 0; place < symbols && places.length <= wrong; place++) {
      const value = locator.reduce((sum, factor, k) => sum ^ multiply(factor, power(-place * (k + 1))), 1)
      if (value === 0) places.push(place)
    }
    return places.length === wrong ? places : undefined
  }
  return undefined
}

/** Gauss's elimination; each row ends in its right-hand side. Undefined where the rows depend on each other. */
function solve(rows: number[][]): number[] | undefined {
  const size = rows.length
  for (let column = 0; column < size; column++) {
    const pivot = rows.findIndex((row, at) => at >= column && row[column] !== 0)
    const chosen = rows[pivot]
    const here = rows[column]
    if (chosen === undefined || here === undefined) return undefined
    rows[pivot] = here
    const inverse = invert(chosen[column] ?? 0)
    const scaled = chosen.map((value) => multiply(value, inverse))
    rows[column] = scaled
    for (const [at, row] of rows.entries()) {
      const factor = row[column] ?? 0
      if (at !== column && factor !== 0) rows[at] = row.map((value, k) => value ^ multiply(factor, scaled[k] ?? 0))
    }
  }
  return rows.map((row) => row[size] ?? 0)
}

const ORDER = 0xffff
const POLYNOMIAL = 0x1100b

let built: { exp: Uint16Array; log: Uint16Array } | undefined

/** Powers of α and their logarithms: 512 KB, made when first asked for. The powers go on past the order, so that nobody needs a modulo. */
function tables(): { exp: Uint16Array; log: Uint16Array } {
  if (built !== undefined) return built
  const exp = new Uint16Array(2 * ORDER + SUMS)
  const log = new Uint16Array(ORDER + 1)
  let value = 1
  for (let at = 0; at < exp.length; at++) {
    exp[at] = value
    if (at < ORDER) log[value] = at
    value <<= 1
    if (value > ORDER) value ^= POLYNOMIAL
  }
  built = { exp, log }
  return built
}

function multiply(a: number, b: number): number {
  const { exp, log } = tables()
  return a === 0 || b === 0 ? 0 : (exp[(log[a] ?? 0) + (log[b] ?? 0)] ?? 0)
}

function invert(value: number): number {
  const { exp, log } = tables()
  return exp[ORDER - (log[value] ?? 0)] ?? 0
}

function power(exponent: number): number {
  return tables().exp[((exponent % ORDER) + ORDER) % ORDER] ?? 0
}

function symbolAt(bytes: Uint8Array, at: number): number {
  return ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)
}
