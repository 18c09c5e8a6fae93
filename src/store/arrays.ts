/**
 * Postgres array literals, to be cast in the statement (`${uuids(ids)}::text::uuid[]`): a page of rows travels as one literal a column,
 * which the server reads in two thirds of the time that JSON takes it, and which needs no driver's opinion of arrays.
 */

/** For values that need no quotes: uuids, numbers, booleans. */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`
}

/** For text of any kind. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`
}

/** For digests in hex, as bytea. */
export function bytesArray(hex: readonly string[]): string {
  return hex.length === 0 ? '{}' : `{"\\\\x${hex.join('","\\\\x')}"}`
}
